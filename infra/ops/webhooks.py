"""What became of a provider's event, and sending one again. Bodies are not stored, only their digests, so a replay needs the body."""

import base64
import gzip
import hashlib
import hmac
import json
import pathlib
import re
import time
import urllib.error
import urllib.parse
import urllib.request

from queues import BOOKING
from stack import Refused, show

PROVIDERS = ("clerk", "stream")
SECRET_KEYS = {"clerk": "webhookSecret", "stream": "apiSecret"}


def body_of(path):
    """The body as it was signed: Stream signs what is inside of a compressed one."""
    try:
        body = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None
    return gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body


def events(stack, digest):
    for provider in PROVIDERS:
        event = stack.item(f"WEBHOOK#{provider}#{digest}", "EVENT")
        if event:
            yield {name: event.get(name) for name in ("provider", "kind", "receivedAt", "origin")}


def facts(stack, booking):
    """What Stream's events have left on a booking. Links are left out."""
    items = list(stack.query(pk=f"BOOKING#{booking}"))
    if not items:
        raise Refused(f"there is no booking {booking}")
    hidden = {"pk", "sk", "gsi1pk", "gsi1sk", "gsi2pk", "gsi2sk"}
    wanted = ("CALL", "ATTENDANCE#", "MEDIA#")
    found = {item["sk"]: {k: v for k, v in item.items() if k not in hidden} for item in items if item["sk"].startswith(wanted)}
    state = next((item for item in items if item["sk"] == "BOOKING"), {})
    about = {name: state.get(name) for name in ("status", "startTime", "endTime", "consents", "feedback", "hasRecording")}
    return {"bookingId": booking, **about, "facts": found}


def webhook_show(stack, options):
    what = options.what
    if BOOKING.fullmatch(what):
        show(facts(stack, what))
        return
    is_digest = re.fullmatch(r"[0-9a-fA-F]{64}", what)
    if not is_digest and not pathlib.Path(what).exists():
        raise Refused(f"{what} is neither a booking's id (bkg_ and 26 characters), nor a SHA-256, nor a file with an event's body")
    digest = what.lower() if is_digest else hashlib.sha256(body_of(what)).hexdigest()
    found = list(events(stack, digest))
    if not found:
        raise Refused(f"no event with the SHA-256 {digest} was recorded in the last 30 days: never delivered, refused, or of no concern to us")
    show({"sha256": digest, "events": found})


def signed(stack, provider, body):
    """The headers that the provider would send with this body now."""
    secret = stack.key(provider, SECRET_KEYS[provider])
    if provider == "stream":
        return {"x-signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}
    message, now = f"msg_replay_{hashlib.sha256(body).hexdigest()[:20]}", str(int(time.time()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{message}.{now}.".encode() + body, hashlib.sha256).digest()
    return {"svix-id": message, "svix-timestamp": now, "svix-signature": f"v1,{base64.b64encode(mac).decode()}"}


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


def webhook_replay(stack, options):
    body = body_of(options.file)
    if not body:
        raise Refused(f"{options.file} is empty")
    digest = hashlib.sha256(body).hexdigest()
    before = list(events(stack, digest))
    status, answer = call("POST", f"{stack.api_url}/api/webhooks/{options.provider}", signed(stack, options.provider, body), body)
    show({"sha256": digest, "seenBefore": before, "status": status, "answer": answer})
    if status != 200:
        raise Refused(f"the stack answered {status}")
