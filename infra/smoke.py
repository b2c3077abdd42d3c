#!/usr/bin/env python3
"""Proves that a deployed stack serves: its version, and the main job up to the session, by two test users.

The candidate books the interviewer's last offered time, both agree to recording, the candidate cancels, and every credit is back. What a
camera is needed for is not part of it. The users are real: the candidate is onboarded and has credits, the interviewer is verified and
offers times. `cargo xtask ops smoke` runs this, and so does a deployment, where there is no Rust.
"""

import argparse
import functools
import http.cookiejar
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

PATIENCE_SECONDS = 120


class Refused(Exception):
    """Something the operator can put right; its text is all they see."""


def say(text):
    """What was done or seen, for people; the result goes to standard output."""
    print(text, file=sys.stderr)


class Stack:
    def __init__(self, name):
        self.name = name

    def client(self, service):
        # boto3 knows AWS_DEFAULT_REGION alone; every other AWS tool knows both and prefers AWS_REGION.
        region = os.environ.get("AWS_REGION") or None
        return boto3.client(service, region_name=region, config=Config(retries={"max_attempts": 5, "mode": "standard"}))

    @functools.cached_property
    def described(self):
        return self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"][0]

    @property
    def parameters(self):
        return {one["ParameterKey"]: one["ParameterValue"] for one in self.described.get("Parameters", [])}

    @property
    def api_url(self):
        """The address CloudFormation computes exists on AWS only, so a local stack names its own."""
        outputs = {one["OutputKey"]: one["OutputValue"] for one in self.described.get("Outputs", [])}
        return os.environ.get("GREENROOM_API_URL") or outputs["ApiUrl"]

    def key(self, provider, name):
        """The one of a provider's keys that is in force; a new stack's secret holds a placeholder and has none."""
        answer = self.client("secretsmanager").get_secret_value(SecretId=f"{self.name}/{provider}")
        value = json.loads(answer["SecretString"]).get(name)
        first = value[0] if isinstance(value, list) and value else value
        if not first:
            raise Refused(f"the secret {self.name}/{provider} has no {name}: fill it (infra/RUNBOOK.md, \"Keys\"), then run this again")
        return first


def call(method, url, headers=None, body=None):
    """Status and body of a request. A stack on this machine is not reached through a proxy."""
    direct = urllib.parse.urlsplit(url).hostname in ("127.0.0.1", "localhost")
    opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if direct else []))
    request = urllib.request.Request(url, data=body, method=method, headers={"content-type": "application/json", **(headers or {})})
    try:
        with opener.open(request, timeout=60) as answer:
            status, text = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read().decode(errors="replace")
    except urllib.error.URLError as error:
        raise Refused(f"{url} cannot be reached: {error.reason}") from None
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text


def clerk_token(stack, user):
    """A session token as a browser gets one: a one-time ticket from Clerk's backend, exchanged at its frontend in the name of the
    web application's origin, without which a token has no `azp` and is refused."""
    secret, parameters = stack.key("clerk", "secretKey"), stack.parameters
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
    simulator = os.environ.get("GREENROOM_CLERK_SIMULATOR")
    token = (lambda user: simulated_token(simulator, user)) if simulator else (lambda user: clerk_token(stack, user))
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
    print(json.dumps({"version": health.get("version"), "bookingId": booking, "passed": True}, indent=2))


def main():
    options = argparse.ArgumentParser(prog="cargo xtask ops smoke", description=__doc__)
    options.add_argument("--stack", default="greenroom", help="name of the stack (greenroom)")
    options.add_argument("--candidate", required=True, help="user id of the test candidate")
    options.add_argument("--interviewer", required=True, help="user id of the test interviewer")
    options.add_argument("--version", help="the git SHA that /health must report")
    options = options.parse_args()
    try:
        smoke(Stack(options.stack), options)
    except Refused as refusal:
        sys.exit(f"smoke: {refusal}")
    except (ClientError, BotoCoreError) as error:
        sys.exit(f"smoke: {error}")


if __name__ == "__main__":
    main()
