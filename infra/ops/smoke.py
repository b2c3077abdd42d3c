"""Proves that a deployed stack serves: its version, and the main job up to the session, by two test users.

The candidate books the interviewer's last offered time, both agree to recording, the candidate cancels, and every credit is back. What a
camera is needed for is not part of it. The users are real: the candidate is onboarded and has credits, the interviewer is verified and
offers times.
"""

import http.cookiejar
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request

from stack import Refused, say, show
from webhooks import call

PATIENCE_SECONDS = 120


def clerk_token(stack, parameters, user):
    """A session token as a browser gets one: a one-time ticket from Clerk's backend, exchanged at its frontend in the name of the
    web application's origin, without which a token has no `azp` and is refused."""
    secret = stack.key("clerk", "secretKey")
    backend, issuer = parameters["ClerkApiBaseUrl"].rstrip("/"), parameters["ClerkIssuer"].rstrip("/")
    origin = parameters["AllowedOrigins"].split(",")[0].strip()
    body = json.dumps({"user_id": user, "expires_in_seconds": 300}).encode()
    status, answer = call("POST", f"{backend}/v1/sign_in_tokens", {"authorization": f"Bearer {secret}"}, body)
    if status != 200:
        raise Refused(f"Clerk gives no sign-in ticket for {user}: {status}")
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def post(path, **form):
        data = urllib.parse.urlencode(form).encode()
        try:
            with opener.open(urllib.request.Request(issuer + path, data=data, headers={"origin": origin}), timeout=60) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            raise Refused(f"Clerk does not sign {user} in: {path.split('?')[0]} answers {error.code}") from None

    query = ""
    if secret.startswith("sk_test_"):
        # Development instances know a browser by this token instead of by a cookie.
        query = "?__clerk_db_jwt=" + urllib.parse.quote(post("/v1/dev_browser")["token"])
    client = post(f"/v1/client/sign_ins{query}", strategy="ticket", ticket=answer["token"])["client"]
    return client["sessions"][0]["last_active_token"]["jwt"]


def simulated_token(base_url, user):
    body = json.dumps({"userId": user, "lifetimeSeconds": 600}).encode()
    status, answer = call("POST", f"{base_url}/simulator/sessions", body=body)
    if status >= 300:
        raise Refused(f"the Clerk simulator gives no token for {user}: {status} {json.dumps(answer)}")
    return answer["token"]


class Person:
    def __init__(self, stack, token):
        self.stack, self.token = stack, token

    def asks(self, method, path, body=None, wanted=200, **headers):
        data = json.dumps(body).encode() if body is not None else None
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        # Session tokens live for a minute, so each request has its own.
        status, answer = call(method, self.stack.api_url + path, {"authorization": f"Bearer {self.token()}", **headers}, data)
        if status != wanted:
            raise Refused(f"{method} {path} answered {status}, not {wanted}: {json.dumps(answer)[:500]}")
        return answer


def healthy(stack, version):
    """With gradual deployment the old version may still answer for a while."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        status, answer = call("GET", f"{stack.api_url}/health")
        if status == 200 and (not version or answer.get("version") == version):
            return answer
        if time.monotonic() > deadline:
            raise Refused(f"GET /health answers {status} {json.dumps(answer)}, which is not version {version or 'any'}")
        time.sleep(2)


def consent_version(stack):
    """The present version of the text about recording, as the API's own document says it."""
    status, document = call("GET", f"{stack.api_url}/api/openapi.json")
    try:
        return document["components"]["schemas"]["GiveConsent"]["properties"]["version"]["enum"][-1]
    except (KeyError, TypeError):
        raise Refused(f"GET /api/openapi.json answers {status}, and names no version of the consent text") from None


def smoke(stack, options):
    health = healthy(stack, options.version)
    say(f"health: {json.dumps(health)}")
    described = stack.client("cloudformation").describe_stacks(StackName=stack.name)["Stacks"][0]
    parameters = {p["ParameterKey"]: p["ParameterValue"] for p in described.get("Parameters", [])}
    simulator = os.environ.get("GREENROOM_CLERK_SIMULATOR")
    token = (lambda user: simulated_token(simulator, user)) if simulator else (lambda user: clerk_token(stack, parameters, user))
    cara, ivy = (Person(stack, lambda user=user: token(user)) for user in (options.candidate, options.interviewer))
    cara.asks("GET", "/api/user/me")
    ivy.asks("GET", "/api/user/me")
    before = cara.asks("GET", "/api/wallet")["assets"]["CREDIT"]
    slots = cara.asks("GET", f"/api/interviewers/{options.interviewer}/slots")["items"]
    if not slots:
        raise Refused(f"{options.interviewer} offers no time: give them availability")
    wish, key = {"interviewerId": options.interviewer, "startTime": slots[-1]["startTime"]}, f"smoke-{time.time_ns()}"
    booking = cara.asks("POST", "/api/bookings", wish, 201, idempotency_key=key)["bookingId"]
    say(f"booked: {booking}")
    try:
        again = cara.asks("POST", "/api/bookings", wish, 201, idempotency_key=key)["bookingId"]
        if again != booking:
            raise Refused(f"the same key booked twice: {booking} and {again}")
        agreed = {"version": consent_version(stack), "record": True}
        for person in (cara, ivy):
            person.asks("POST", f"/api/calls/{booking}/consent", agreed)
        if ivy.asks("GET", f"/api/bookings/{booking}")["status"] != "SCHEDULED":
            raise Refused("the interviewer does not see the booking as scheduled")
    finally:
        cara.asks("POST", f"/api/bookings/{booking}/cancel", {"reason": "smoke test of a deployment"})
    after = cara.asks("GET", "/api/wallet")["assets"]["CREDIT"]
    if (after["available"], after["held"]) != (before["available"], before["held"]):
        raise Refused(f"credits are missing after the cancellation: {json.dumps(before)} became {json.dumps(after)}")
    show({"version": health.get("version"), "bookingId": booking, "passed": True})
