"""Fuzzes the published API with requests made from its own description (schemathesis), as every role and with ids of things that
are there. Reads { apiUrl, clerkUrl, streamUrl, folder, seed, examples } from standard input. Ends with 1 where an answer is 5xx or
is not what the document says, where a request that it forbids is served, and where an operation was never served at all.
"""

import collections
import json
import os
import pathlib
import random
import subprocess
import sys
import urllib.error
import urllib.request

import fuzz_people
from seed import Refused, call, expect

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
]
# Nothing sent from here can be served by these, and why.
NEVER_SERVED = {
    "clerk_webhook": "only Clerk's signature opens it",
    "stream_webhook": "only Stream's signature opens it",
    "get_call": "the door of a call opens ten minutes before its start",
}
# Above this share of 429 an operation was not fuzzed, only its rate limit.
MOST_LIMITED = 0.3


def published(job):
    return expect(call("GET", f"{job['apiUrl']}/api/openapi.json"), "read the published document")


def fuzz(job, people):
    folder = pathlib.Path(job["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    tally, file, document = folder / "tally.json", folder / "job.json", folder / "openapi.json"
    tally.unlink(missing_ok=True)
    # From a file: schemathesis does not ask for a document that it is reading from the API.
    document.write_text(json.dumps(published(job)))
    file.write_text(json.dumps({"people": people, "seed": job["seed"], "tally": str(tally)}))
    here = pathlib.Path(__file__).parent
    command = [pathlib.Path(sys.executable).with_name("schemathesis"), "--config-file", here / "fuzz.toml"]
    command += ["run", document, "--url", job["apiUrl"]]
    command += ["--phases", "examples,coverage,fuzzing", "--mode", "all", "--checks", ",".join(CHECKS), "--seed", str(job["seed"])]
    command += ["--max-examples", str(job["examples"]), "--workers", "1", "--continue-on-failure", "--no-shrink", "--no-color"]
    command += ["--generation-database", "none", "--request-timeout", "60", "--warnings", "off"]
    surroundings = {**os.environ, "SCHEMATHESIS_HOOKS": "fuzz_hooks", "PYTHONPATH": str(here)}
    surroundings["GREENROOM_FUZZ_JOB"] = str(file)
    # Its report goes to standard error: standard output belongs to whoever started us.
    status = subprocess.run(command, cwd=folder, env=surroundings, stdout=sys.stderr).returncode
    if not tally.exists():
        sys.exit("fuzz: schemathesis did not get as far as sending anything, see above")
    return status, json.loads(tally.read_text())


def deliver(job):
    """Deliveries that no provider signed. The document says nothing of their bodies and signatures, so they are made up here."""
    choose = random.Random(job["seed"])
    bodies = [b"", b"{}", b'{"type":"user.created","data":{}}', b"\x1f\x8b\x08", b"[" * 5000, None]
    words = ["1", "v1,AAAA", "msg_1", "1795176000", "-1", "9" * 30, "zz", "0" * 64, "a b", "sha256=,v1,"]
    signed = {"clerk": ["svix-id", "svix-timestamp", "svix-signature"], "stream": ["x-signature", "x-api-key", "content-encoding"]}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    counts = collections.Counter()
    for provider, headers in signed.items():
        for _ in range(job["examples"]):
            body = choose.choice(bodies)
            body = choose.randbytes(choose.randrange(200)) if body is None else body
            sent = {name: choose.choice(words) for name in headers if choose.random() < 0.9}
            request = urllib.request.Request(f"{job['apiUrl']}/api/webhooks/{provider}", body, sent, method="POST")
            try:
                with opener.open(request, timeout=60) as answer:
                    status = answer.status
            except urllib.error.HTTPError as refusal:
                status = refusal.code
            counts[(f"{provider}_webhook", status)] += 1
    return [[name, status, count] for (name, status), count in counts.items()]


def judge(counts, operations):
    """Prints how often each operation answered what, and returns what is wrong with that."""
    answers = collections.defaultdict(dict)
    for name, status, count in counts:
        answers[name][status] = answers[name].get(status, 0) + count
    wrong = [f"{name} was never asked" for name in sorted(operations - answers.keys())]
    for name, statuses in sorted(answers.items()):
        print(f"fuzz: {name:<20}", *(f"{status}×{count}" for status, count in sorted(statuses.items())), file=sys.stderr)
        served = any(200 <= status < 300 for status in statuses)
        if not served and name not in NEVER_SERVED:
            wrong.append(f"{name} was never served")
        if statuses.get(429, 0) > MOST_LIMITED * sum(statuses.values()):
            wrong.append(f"{name} was answered 429 too often to call it fuzzed")
        wrong += [f"{name} answered {status}" for status in statuses if status >= 500]
        if name.endswith("_webhook") and any(status < 400 for status in statuses):
            wrong.append(f"{name} took what nobody signed")
    total = sum(count for _, _, count in counts)
    print(f"fuzz: {total} requests to {len(answers)} operations", file=sys.stderr)
    return wrong


def main():
    job = json.load(sys.stdin)
    job["apiUrl"] = job["apiUrl"].rstrip("/")
    print(f"fuzz: seed {job['seed']}", file=sys.stderr)
    try:
        people = fuzz_people.gather(job)
    except Refused as refusal:
        sys.exit(f"fuzz: {refusal}")
    status, counts = fuzz(job, people)
    operations = {operation["operationId"] for path in published(job)["paths"].values() for operation in path.values()}
    wrong = judge(counts + deliver(job), operations)
    if status != 0:
        wrong.append("schemathesis found the failures above")
    if wrong:
        sys.exit("fuzz: " + "\nfuzz: ".join(wrong))


if __name__ == "__main__":
    main()
