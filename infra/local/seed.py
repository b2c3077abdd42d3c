"""Demo data: people who can try the product at once. Reads { apiUrl, clerkUrl } from standard input.

Users are made in the Clerk simulator; everything else goes through the product's own API with their tokens, so that nothing here
knows how things are stored. Every start runs all of it: each step is either idempotent or skipped where its result is there.
"""

import json
import sys
import urllib.error
import urllib.request
import uuid

ADMIN = {"id": "user_demo_admin", "firstName": "Ada", "lastName": "Admin", "email": "ada@demo.greenroom.test"}

INTERVIEWERS = [
    {
        "user": {"id": "user_demo_ivy", "firstName": "Ivy", "lastName": "Chen", "email": "ivy@demo.greenroom.test"},
        "profile": {
            "title": "Staff engineer",
            "company": "Northwind",
            "yearsExp": 12,
            "bio": "Distributed systems for twelve years. I ask about trade-offs and failure, and say plainly what was missing.",
            "categories": ["backend", "system-design"],
            "creditRate": 10,
            "timezone": "Europe/Berlin",
        },
        "hours": {"startLocal": "08:00", "endLocal": "22:00", "sessionMinutes": 60},
    },
    {
        "user": {"id": "user_demo_noah", "firstName": "Noah", "lastName": "Okafor", "email": "noah@demo.greenroom.test"},
        "profile": {
            "title": "Senior frontend engineer",
            "company": "Fabrikam",
            "yearsExp": 7,
            "bio": "Frontend and mobile. Expect live coding in small steps and questions about what users notice.",
            "categories": ["frontend", "mobile", "behavioral"],
            "creditRate": 6,
            "timezone": "America/New_York",
        },
        "hours": {"startLocal": "00:00", "endLocal": "24:00", "sessionMinutes": 45},
    },
]

CANDIDATES = [
    {"id": "user_demo_cara", "firstName": "Cara", "lastName": "Silva", "email": "cara@demo.greenroom.test"},
    {"id": "user_demo_dan", "firstName": "Dan", "lastName": "Novak", "email": "dan@demo.greenroom.test"},
]

CREDITS = 200
WEEK = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]


class Refused(Exception):
    pass


class Silent(Refused):
    """No answer came, and what was asked for may or may not have happened."""


def call(method, url, body=None, headers=None):
    """Status and parsed answer. Local addresses only, hence no proxy."""
    request = urllib.request.Request(url, method=method, headers={"content-type": "application/json", **(headers or {})})
    if body is not None:
        request.data = json.dumps(body).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")
        try:
            return error.code, json.loads(text)
        except ValueError:
            return error.code, {"detail": text[:500]}
    except urllib.error.URLError as error:
        raise Refused(f"{method} {url}: {error.reason}") from error
    except (TimeoutError, ConnectionError) as error:
        raise Silent(f"{method} {url}: {error or type(error).__name__}") from error


class Person:
    """One demo user with a session."""

    def __init__(self, job, user):
        self.api = job["apiUrl"]
        # Repeating the same user must not count as a change that Clerk announces.
        status, known = call("GET", f"{job['clerkUrl']}/simulator/users")
        if status != 200 or all(each["id"] != user["id"] for each in known["users"]):
            expect(call("POST", f"{job['clerkUrl']}/simulator/users", user), "create a user in the Clerk simulator")
        session = expect(
            call("POST", f"{job['clerkUrl']}/simulator/sessions", {"userId": user["id"], "lifetimeSeconds": 600}),
            "open a session in the Clerk simulator",
        )
        self.headers = {"authorization": f"Bearer {session['token']}"}
        self.id = user["id"]
        self.me = self.ask("POST", "/api/user/sync", {"name": f"{user['firstName']} {user['lastName']}", "email": user["email"]})

    def ask(self, method, path, body=None, key=None):
        # With a key, asking once more where no answer came does nothing twice.
        headers = {**self.headers, "idempotency-key": key or str(uuid.uuid4())}
        try:
            answer = call(method, f"{self.api}{path}", body, headers)
        except Silent as silence:
            print(f"asked once more: {silence}", file=sys.stderr)
            answer = call(method, f"{self.api}{path}", body, headers)
        return expect(answer, f"{method} {path} as {self.id}")


def expect(answer, what):
    status, body = answer
    if not 200 <= status < 300:
        raise Refused(f"{what}: {status} {json.dumps(body)}")
    return body


def seed_interviewer(job, admin, about):
    person = Person(job, about["user"])
    me = person.me
    if me["role"] == "UNASSIGNED":
        me = person.ask("POST", "/api/onboarding", {"role": "INTERVIEWER", "adult": True, **about["profile"]})
    if me["interviewer"]["verification"] in ("NONE", "REJECTED"):
        person.ask("POST", "/api/verification", {"notes": "Demo interviewer of the local stack."})
        me = person.ask("GET", "/api/user/me")
    if me["interviewer"]["verification"] == "SUBMITTED":
        admin.ask("POST", f"/api/admin/interviewers/{person.id}/verification", {"decision": "VERIFIED"})
    if not person.ask("GET", "/api/availability")["items"]:
        rule = {"kind": "WEEKLY", "weekdays": WEEK, "timezone": about["profile"]["timezone"], "from": "2026-01-01", **about["hours"]}
        person.ask("POST", "/api/availability", rule)


def seed_candidate(job, admin, user):
    person = Person(job, user)
    if person.me["role"] == "UNASSIGNED":
        person.ask("POST", "/api/onboarding", {"role": "INTERVIEWEE", "adult": True})
    # The key makes the grant happen once; it is remembered longer than its record, as the transfer's id.
    grant = {"amount": CREDITS, "reason": "Demo credits of the local stack"}
    admin.ask("POST", f"/api/admin/users/{person.id}/credits", grant, key="demo-credits")


def main():
    job = json.load(sys.stdin)
    try:
        admin = Person(job, ADMIN)
        for about in INTERVIEWERS:
            seed_interviewer(job, admin, about)
        for user in CANDIDATES:
            seed_candidate(job, admin, user)
    except Refused as refusal:
        sys.exit(f"seed: {refusal}")
    except KeyError as missing:
        sys.exit(f"seed: an answer of the API has no {missing}")


if __name__ == "__main__":
    main()
