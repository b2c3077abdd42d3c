"""People and things on a running stack for the fuzzer to act as and upon, made through the product's own API. Nothing here is shared
with other tests: every run has people of its own.
"""

import datetime
import time

from seed import ADMIN, WEEK, Person, Refused, call, expect

CANDIDATES = 24
INTERVIEWERS = 4
# Five bookings fit into a person's hour; the rest is for the fuzzer.
BOOKINGS_EACH = 2
SESSIONS_HELD = 6
RULES_EACH = 12
NEWCOMERS = 12
PATIENCE_SECONDS = 120
PROFILE = {
    "title": "Staff engineer",
    "company": "Northwind",
    "yearsExp": 12,
    "bio": "Distributed systems.",
    "categories": ["backend"],
    "creditRate": 10,
    "timezone": "UTC",
}


class Cast:
    """Everybody, and what they have. `about` is what the fuzzer's hooks read."""

    def __init__(self, job):
        self.job = job
        self.run = format(time.time_ns(), "x")[-10:]
        self.admin = Person(job, ADMIN)
        self.about = {"tokens": {}, "newcomers": [], "candidates": [], "interviewers": [], "applicants": []}

    def person(self, name, onboarding=None):
        user = f"user_fuzz_{name}_{self.run}"
        person = Person(self.job, {"id": user, "firstName": "Fuzz", "lastName": name, "email": f"{user}@example.test"})
        if onboarding:
            person.ask("POST", "/api/onboarding", onboarding)
        self.keep_token(user)
        return person

    def keep_token(self, user):
        wanted = {"userId": user, "lifetimeSeconds": 3600}
        session = expect(call("POST", f"{self.job['clerkUrl']}/simulator/sessions", wanted), "open a session")
        self.about["tokens"][user] = session["token"]

    def candidate(self, name):
        person = self.person(name, {"role": "INTERVIEWEE", "adult": True})
        gift = {"amount": 500, "reason": "for fuzzing"}
        self.admin.ask("POST", f"/api/admin/users/{person.id}/credits", gift, key="fuzz-credits")
        return person

    def applicant(self, name):
        person = self.person(name, {"role": "INTERVIEWER", "adult": True, **PROFILE})
        person.ask("POST", "/api/verification", {"notes": "Please verify me."})
        return person

    def interviewer(self, name):
        person = self.applicant(name)
        self.admin.ask("POST", f"/api/admin/interviewers/{person.id}/verification", {"decision": "VERIFIED"})
        rule = {"kind": "WEEKLY", "weekdays": WEEK, "timezone": "UTC", "from": "2026-01-01", "startLocal": "00:00"}
        # Half of the day is left for rules that the fuzzer makes and deletes.
        person.ask("POST", "/api/availability", {**rule, "endLocal": "12:00", "sessionMinutes": 30})
        return person


def gather(job):
    cast = Cast(job)
    about = cast.about
    about["admin"] = cast.admin.id
    cast.keep_token(cast.admin.id)
    about["newcomers"] = [cast.person(f"new{n}").id for n in range(NEWCOMERS)]
    about["applicants"] = [cast.applicant(f"applicant{n}").id for n in range(INTERVIEWERS)]
    interviewers = [cast.interviewer(f"interviewer{n}") for n in range(INTERVIEWERS)]
    candidates = [cast.candidate(f"candidate{n}") for n in range(CANDIDATES)]
    about["interviewers"] = [person.id for person in interviewers]
    about["candidates"] = [person.id for person in candidates]

    free = {person.id: slots(person) for person in interviewers}
    # Interviewers rotate from round to round, so that no candidate has two sessions at the same time.
    pairs = [(c, interviewers[(n + k) % INTERVIEWERS]) for n in range(BOOKINGS_EACH) for k, c in enumerate(candidates)]
    bookings = [book(candidate, interviewer, next(free[interviewer.id])) for candidate, interviewer in pairs]
    held, about["scheduled"] = bookings[:SESSIONS_HELD], bookings[SESSIONS_HELD:]
    # What is left of the slots is for bookings and moves that succeed.
    about["slots"] = {user: list(left) for user, left in free.items()}
    about["rules"] = [{"interviewer": p.id, "id": each} for p in interviewers for each in rules(p)]
    about["foreign"] = foreign(cast)
    people = {person.id: person for person in candidates + interviewers}
    about["held"] = hold(job, people, held)
    return about


def slots(person):
    first = datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=2)
    query = f"from={first}&to={first + datetime.timedelta(days=20)}"
    found = person.ask("GET", f"/api/interviewers/{person.id}/slots?{query}")
    return iter([slot["startTime"] for slot in found["items"]])


def book(candidate, interviewer, start):
    made = candidate.ask("POST", "/api/bookings", {"interviewerId": interviewer.id, "startTime": start})
    return {"id": made["bookingId"], "candidate": candidate.id, "interviewer": interviewer.id}


def rules(person):
    """One-time windows on days of their own, far ahead."""
    first = datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=60)
    for n in range(RULES_EACH):
        day = first + datetime.timedelta(days=n)
        window = {"kind": "ONE_TIME", "startTime": f"{day}T14:00:00Z", "endTime": f"{day}T16:00:00Z", "sessionMinutes": 60}
        yield person.ask("POST", "/api/availability", window)["availabilityId"]


def foreign(cast):
    """What belongs to two people as whom nothing is asked."""
    interviewer, candidate = cast.interviewer("foreigner"), cast.candidate("stranger")
    booking = book(candidate, interviewer, next(slots(interviewer)))
    rule = interviewer.ask("GET", "/api/availability")["items"][0]["availabilityId"]
    things = {"bookingId": booking["id"], "callId": booking["id"], "availabilityId": rule}
    return {**things, "interviewerId": interviewer.id, "userId": candidate.id}


def hold(job, people, bookings):
    """Lets the sessions take place, to the end: recorded, judged, paid."""
    stream = f"{job['streamUrl']}/simulator/calls/default"
    for booking in bookings:
        for party in ("candidate", "interviewer"):
            people[booking[party]].ask("POST", f"/api/calls/{booking['id']}/consent", {"version": "2026-11", "record": True})
    for booking in bookings:
        wait_for(f"call of {booking['id']}", lambda: "auto-on" in str(call("GET", f"{stream}/{booking['id']}")[1]))
        expect(call("POST", f"{stream}/{booking['id']}/play", {"transcript": "strong-system-design-45min"}), "play a session")
    for booking in bookings:
        candidate = people[booking["candidate"]]
        wait_for(f"feedback of {booking['id']}", lambda: candidate.ask("GET", f"/api/bookings/{booking['id']}")["hasFeedback"])
    return bookings


def wait_for(what, probe):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not probe():
        if time.monotonic() > deadline:
            raise Refused(f"waited in vain for: {what}")
        time.sleep(0.1)
