"""Starts the AWS emulator in this process, with the repairs a local stack needs, permissions enforced and a witness beside it.

Saved state: the emulator keeps how far a stream mapping has read, but not the stream's records, and so skips as many new
records after a restart as were written before it. A message that a worker held when the stack stopped stays invisible for
up to half an hour although that worker is gone. Both are mended in the saved files before the emulator reads them.

Compressed bodies: it takes every body that calls itself JSON for text, so a gzipped webhook arrives as garbage. API Gateway hands
a body with a Content-Encoding over as base64, and so does this.

Resources: its CloudFormation counts to 500 as AWS does, but what is nested on AWS is one template here, with a resource for each route
and each integration (`emulated.py`). What counts on AWS is counted by `limits.py`.

Permissions: every function gets the credentials of its own role, and what the role does not grant is refused, as on AWS. Requests count
as made over TLS, which the bucket's policy demands and a local endpoint does not have. `witness.py` writes down what was asked for.

Latency: its Runtime API waits 50 ms for log lines that never come and stalls on Nagle's algorithm. Both use private names of
the pinned version; where they are missing the emulator starts unchanged.

`launcher.py exec PROGRAM ARGS...` becomes PROGRAM instead, which then ends with the parent as the emulator does.
"""

import ctypes
import json
import os
import pathlib
import signal
import sys

import witness

PR_SET_PDEATHSIG = 1


def end_with_parent():
    """Nothing of the stack may outlive a killed `cargo xtask up` and keep its ports. Linux only; elsewhere nothing happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def rewrite(path, change):
    if not path.exists():
        return
    state = json.loads(path.read_text())
    change(state["payload"])
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(state))
    fresh.replace(path)


def forget_stream_positions(payload):
    payload.pop("dynamodb_stream_positions", None)


def return_held_messages(payload):
    for queue in payload.get("queues", {}).get("data", {}).values():
        for message in queue.get("messages", []):
            # A message that nobody received yet is delayed on purpose. The attempt cut short by the stop does not count.
            if message.get("receive_count", 0) > 0:
                message["visible_at"] = 0
                message["receive_count"] -= 1


def mend_saved_state(directory):
    rewrite(directory / "lambda.json", forget_stream_positions)
    rewrite(directory / "sqs.json", return_held_messages)


def remove_waits():
    import socketserver

    from ministack.core import lambda_runtime

    try:
        waits = lambda_runtime.Worker._drain_stderr_bounded
        if len(waits.__defaults__ or ()) == 3:
            waits.__defaults__ = (0.0, 0.002, 0.25)
            socketserver.StreamRequestHandler.disable_nagle_algorithm = True
    except AttributeError as missing:
        print(f"launcher: this emulator has no {missing.name}; it starts unchanged and is slower", file=sys.stderr)


class Compressed(str):
    """A content type whose body is not the text that it promises."""


def keep_compressed_bodies():
    from ministack.services import apigateway

    try:
        is_text, invoke = apigateway._v2_request_body_is_text, apigateway._invoke_lambda_proxy
    except AttributeError as missing:
        print(f"launcher: this emulator has no {missing.name}; compressed webhooks arrive broken", file=sys.stderr)
        return

    async def marked(integration, api_id, stage, path, method, headers, *rest, **named):
        if headers.get("content-encoding"):
            headers = {**headers, "content-type": Compressed(headers.get("content-type", ""))}
        return await invoke(integration, api_id, stage, path, method, headers, *rest, **named)

    apigateway._v2_request_body_is_text = lambda kind: not isinstance(kind, Compressed) and is_text(kind)
    apigateway._invoke_lambda_proxy = marked


def count_no_resources():
    from ministack.services.cloudformation import engine

    try:
        engine._SECTION_QUOTAS = tuple(quota for quota in engine._SECTION_QUOTAS if quota[0] != "Resources")
    except AttributeError as missing:
        print(f"launcher: this emulator has no {missing.name}; a stack of more than 500 resources is refused", file=sys.stderr)


# On AWS these are no actions of their own: the action of a single message stands for its batch.
BATCHES = {f"sqs:{action}Batch": f"sqs:{action}" for action in ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")}


def enforce_permissions():
    # Read when the emulator is imported.
    os.environ["AUTH"] = "true"
    from ministack import app
    from ministack.core import iam_actions

    try:
        pin, action_of = app.pin_request_origin, iam_actions.extract_iam_action
    except AttributeError as missing:
        print(f"launcher: this emulator has no {missing.name}; functions are refused what their roles grant", file=sys.stderr)
        return

    def action(*request):
        found = action_of(*request)
        return BATCHES.get(found, found)

    app.pin_request_origin = lambda source, _secure: pin(source, True)
    iam_actions.extract_iam_action = action


def main():
    end_with_parent()
    if sys.argv[1:2] == ["exec"]:
        os.execv(sys.argv[2], sys.argv[2:])
    state = pathlib.Path(os.environ["STATE_DIR"])
    mend_saved_state(state)
    enforce_permissions()
    remove_waits()
    keep_compressed_bodies()
    count_no_resources()
    witness.begin(state.parent)
    from ministack.app import main as serve

    serve()


if __name__ == "__main__":
    main()
