"""Writes down what functions did at the emulator, for the tests that hold them to what they may do.

Three files in the folder of the stack's data, one JSON object per line, begun anew at every start:

- `seen-calls.jsonl`: each AWS call that a function's role made, once: { role, action, resource, denied? }. A transaction is the
  actions of its members, a query of an index names the index, and an object is named by its first folder: the calls as IAM judges
  them, because they are taken where the emulator asks IAM.
- `seen-logs.jsonl`: each line that a function logged: { function, line }.
- `seen-errors.jsonl`: each answer of 400 or more that left the API: { method, path, status, body }.

All three are taken at private names of the pinned emulator; where one is missing its file stays empty, which the tests refuse.
"""

import json
import sys
import threading

SESSION = ":assumed-role/"


class Journal:
    """A file that many threads add lines to."""

    def __init__(self, path, once=False):
        self.file = path.open("w", buffering=1)
        self.lock = threading.Lock()
        self.known = set() if once else None

    def add(self, entry):
        line = json.dumps(entry)
        with self.lock:
            if self.known is not None:
                if line in self.known:
                    return
                self.known.add(line)
            self.file.write(line + "\n")


def named(resource):
    """An object's key is cut to its first folder: what matters is which kind of file is touched."""
    bucket, slash, key = resource.partition("/")
    if resource.startswith("arn:aws:s3:::") and slash:
        folder, slash, _ = key.partition("/")
        return f"{bucket}/{folder}/*" if slash else f"{bucket}/{key}"
    return resource


def record_calls(journal):
    from ministack.core import iam_evaluator
    from ministack.services import sts

    enforce, sessions = iam_evaluator.enforce, sts._sessions

    def judged(access_key, action, service, region, resource_arn="*", **named_arguments):
        denied = enforce(access_key, action, service, region, resource_arn=resource_arn, **named_arguments)
        caller = (sessions.get(access_key) or {}).get("Arn", "")
        if SESSION in caller:
            entry = {"role": caller.split(SESSION)[1].split("/")[0], "action": action, "resource": named(resource_arn)}
            if denied:
                entry["denied"] = getattr(denied, "decision", None) or getattr(denied, "code", "refused")
            journal.add(entry)
        return denied

    iam_evaluator.enforce = judged


def record_logs(journal):
    from ministack.services import lambda_svc

    emit = lambda_svc._emit_lambda_logs

    def emitted(func, request_id, log_text, *rest, **named_arguments):
        name = (func.get("config") or func).get("FunctionName", "")
        for line in (log_text or "").splitlines():
            journal.add({"function": name, "line": line})
        return emit(func, request_id, log_text, *rest, **named_arguments)

    lambda_svc._emit_lambda_logs = emitted


def record_errors(journal):
    from ministack.services import apigateway

    invoke = apigateway._invoke_lambda_proxy

    async def answered(integration, api_id, stage, path, method, *rest, **named_arguments):
        answer = await invoke(integration, api_id, stage, path, method, *rest, **named_arguments)
        status, body = answer[0], answer[-1]
        if status >= 400:
            text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
            journal.add({"method": method, "path": path, "status": status, "body": text})
        return answer

    apigateway._invoke_lambda_proxy = answered


def begin(folder):
    for name, record, once in [("calls", record_calls, True), ("logs", record_logs, False), ("errors", record_errors, False)]:
        journal = Journal(folder / f"seen-{name}.jsonl", once)
        try:
            record(journal)
        except AttributeError as missing:
            print(f"witness: this emulator has no {missing.name}; no {name} are written down", file=sys.stderr)
