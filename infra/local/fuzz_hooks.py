"""What schemathesis is told of our API: as whom to ask, and of what. Loaded by it as SCHEMATHESIS_HOOKS; see fuzz.py.

Half of what the schema yields would end at "who are you?" or "there is no such booking". So most requests get a caller who may ask,
and an id of something that is there; some get a complete body. All choices follow from the request itself and the seed, so the
same request is always sent by the same person about the same thing.
"""

import atexit
import collections
import datetime
import hashlib
import json
import os
import pathlib
import random

import schemathesis
from schemathesis.core import NotSet

JOB = json.loads(pathlib.Path(os.environ["GREENROOM_FUZZ_JOB"]).read_text())
PEOPLE = JOB["people"]
TALLY = collections.Counter()
ABSENT = {
    "bookingId": "bkg_01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "callId": "bkg_01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "availabilityId": "avl_01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "interviewerId": "user_nobody",
    "userId": "user_nobody",
    "packId": "pck_00000000000000000000000099",
    "planId": "pln_00000000000000000000000099",
}
# What is sold is nobody's own; an admin's change of one of these changes nothing that the others need.
SOLD = {"packId": "pck_00000000000000000000000003", "planId": "pln_00000000000000000000000003"}
# What the document says of who may call an operation, and who that is here.
ALLOWED = {
    "anyone": ["nobody"],
    "the provider, by signature": ["nobody"],
    "signed-in users": ["newcomer", "candidate", "interviewer", "admin"],
    "users with a role": ["candidate", "interviewer", "admin"],
    "candidates": ["candidate"],
    "interviewers": ["interviewer"],
    "candidates and interviewers": ["candidate", "interviewer"],
    "the parties of the booking": ["candidate", "interviewer"],
    "the parties of the booking and admins": ["candidate", "interviewer", "admin"],
    "admins": ["admin"],
}
ROLES = ["nobody", "garbage", "newcomer", "candidate", "interviewer", "admin"]
# What is only there once a session has taken place.
AFTERWARDS = {"get_feedback", "get_recording", "review_booking", "complete_booking"}


def chooser(case):
    body = None if isinstance(case.body, NotSet) else case.body
    asked = [case.operation.label, JOB["seed"], case.path_parameters, case.query, body, sorted((case.headers or {}).items())]
    digest = hashlib.sha256(repr(asked).encode(errors="backslashreplace")).digest()
    return random.Random(digest)


def allowed(operation):
    """The document's sentence on who may call an operation, as people of ours."""
    said = operation.definition.raw["description"].rsplit("Access: ", 1)[1].rstrip(".")
    return ALLOWED[said]


@schemathesis.hook
def before_call(context, case, kwargs):
    choose, name = chooser(case), case.operation.definition.raw["operationId"]
    role = choose.choice(allowed(case.operation) if choose.random() < 0.85 else ROLES)
    booking = choose.choice(PEOPLE["held" if choose.random() < (0.9 if name in AFTERWARDS else 0.1) else "scheduled"])
    rule = choose.choice(PEOPLE["rules"])
    user = {
        "newcomer": lambda: choose.choice(PEOPLE["newcomers"]),
        "candidate": lambda: booking["candidate"] if concerns_booking(case) else choose.choice(PEOPLE["candidates"]),
        "interviewer": lambda: interviewer(case, name, booking, rule, choose),
        "admin": lambda: PEOPLE["admin"],
    }.get(role)
    if role == "garbage":
        case.headers["Authorization"] = "Bearer garbage"
    elif user:
        case.headers["Authorization"] = f"Bearer {PEOPLE['tokens'][user()]}"
    else:
        case.headers.pop("Authorization", None)

    own = {
        "bookingId": booking["id"],
        "callId": booking["id"],
        "availabilityId": rule["id"],
        "interviewerId": choose.choice(PEOPLE["applicants" if name == "decide_verification" else "interviewers"]),
        "userId": choose.choice(PEOPLE["candidates"]),
        **SOLD,
    }
    for parameter in case.path_parameters or {}:
        kind = choose.choices(["own", "foreign", "absent", "as generated"], [7, 1, 1, 1])[0]
        if kind != "as generated":
            case.path_parameters[parameter] = {"own": own, "foreign": PEOPLE["foreign"] | SOLD, "absent": ABSENT}[kind][parameter]
    if choose.random() < 0.4:
        complete(case, name, own["interviewerId"], booking, choose)


def concerns_booking(case):
    return any(name in (case.path_parameters or {}) for name in ("bookingId", "callId"))


def interviewer(case, name, booking, rule, choose):
    # Whoever changes their profile may come to be unlisted, and could then not be booked.
    if name in ("submit_verification", "update_me"):
        return choose.choice(PEOPLE["applicants"])
    if name in ("update_availability", "delete_availability"):
        return rule["interviewer"]
    return booking["interviewer"] if concerns_booking(case) else choose.choice(PEOPLE["interviewers"])


def complete(case, name, interviewer, booking, choose):
    """Gives the request a body that is good, where chance would hardly find one."""
    day = datetime.date.today() + datetime.timedelta(days=choose.randint(80, 170))
    window = {"kind": "ONE_TIME", "startTime": f"{day}T17:00:00Z", "endTime": f"{day}T18:00:00Z", "sessionMinutes": 60}
    body = {
        "create_booking": lambda: {"interviewerId": interviewer, "startTime": choose.choice(PEOPLE["slots"][interviewer])},
        "reschedule_booking": lambda: {"startTime": choose.choice(PEOPLE["slots"][booking["interviewer"]])},
        "create_availability": lambda: window,
        "give_consent": lambda: {"version": "2026-11", "record": choose.random() < 0.5},
        "cancel_booking": lambda: {"reason": "plans changed"},
        "adjust_credits": lambda: {"amount": choose.randint(1, 9), "reason": "for fuzzing"},
        "suggest_questions": lambda: {"interviewerId": interviewer, "count": choose.randint(1, 10)},
        "onboard": lambda: {"role": "INTERVIEWEE", "adult": True},
        "submit_verification": lambda: {"notes": "Please verify me."},
    }.get(name)
    if body:
        case.body = body()
        case.media_type = "application/json"
    if name == "adjust_credits":
        case.headers["Idempotency-Key"] = f"fuzz-{choose.getrandbits(64):x}"


@schemathesis.hook
def after_call(context, case, response):
    TALLY[(case.operation.definition.raw["operationId"], response.status_code)] += 1


@atexit.register
def report():
    counts = [[name, status, count] for (name, status), count in sorted(TALLY.items())]
    pathlib.Path(JOB["tally"]).write_text(json.dumps(counts))
