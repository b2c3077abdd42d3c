"""Changing a provider's key without refusing anybody meanwhile."""

import json
import pathlib
import sys

from stack import Refused, show

PROVIDERS = ("clerk", "gemini", "stream")
# Of these, functions accept several values at a time: the first signs, any verifies.
OVERLAPPING = ("apiSecret", "webhookSecret")


def given(source):
    text = sys.stdin.read() if source == "-" else None
    if text is None:
        try:
            text = pathlib.Path(source).read_text()
        except OSError as error:
            raise Refused(f"{source}: {error.strerror}") from None
    value = text.strip()
    if not value or any(character.isspace() for character in value):
        raise Refused("the new value is empty or has white space in it: give the bare value, not JSON")
    return value


def secret_rotate(stack, options):
    keys = stack.secret(options.provider)
    if options.key not in keys:
        raise Refused(f"the secret {stack.name}/{options.provider} has no key {options.key}; it has {', '.join(sorted(keys))}")
    now = keys[options.key]
    values = now if isinstance(now, list) else [now]
    if options.value is None:
        if len(values) < 2:
            raise Refused(f"no rotation of {options.key} is under way: begin one with --from FILE (or - for standard input)")
        keys[options.key], done = values[0], "finished: the old value is gone"
    else:
        new = given(options.value)
        if new in values:
            raise Refused("this value is in the secret already")
        if options.key not in OVERLAPPING:
            keys[options.key], done = new, "replaced at once: the provider knows only one valid value of this key"
        elif len(values) > 1:
            raise Refused(f"a rotation of {options.key} is under way: finish it first, by the same command without --from")
        else:
            keys[options.key], done = [new, *values], "begun: the new value signs, both verify; finish by the same command without --from"
    stack.client("secretsmanager").put_secret_value(SecretId=f"{stack.name}/{options.provider}", SecretString=json.dumps(keys))
    show({"secret": f"{stack.name}/{options.provider}", "key": options.key, "rotation": done, "inForce": "within five minutes"})
