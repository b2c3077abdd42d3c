"""Providers' secrets: whether they are filled, and changing a key without refusing anybody meanwhile."""

import json
import pathlib
import sys

from botocore.exceptions import ClientError

from stack import Refused, show

# What a filled secret looks like; a test compares it with what functions ask for.
EXAMPLES = {
    "clerk": '{"secretKey":"sk_…","webhookSecret":"whsec_…"}',
    "stream": '{"apiKey":"…","apiSecret":"…"}',
    "gemini": '{"apiKey":"…"}',
}
PROVIDERS = tuple(sorted(EXAMPLES))
# Of these, functions accept several values at a time: the first signs, any verifies.
OVERLAPPING = ("apiSecret", "webhookSecret")


def is_filled(value):
    """Whether there is a value, and not merely the example's ellipsis; functions judge in the same way."""
    values = value if isinstance(value, list) else [value]
    return any(isinstance(one, str) and one.strip() and "…" not in one for one in values)


def missing(provider, text):
    """The keys that a secret with this text still lacks."""
    try:
        keys = json.loads(text)
    except ValueError:
        keys = None
    keys = keys if isinstance(keys, dict) else {}
    return [name for name in json.loads(EXAMPLES[provider]) if not is_filled(keys.get(name))]


def secret_check(stack, options):
    report, ways = {}, []
    for provider in PROVIDERS:
        name = f"{stack.name}/{provider}"
        try:
            text = stack.client("secretsmanager").get_secret_value(SecretId=name).get("SecretString", "")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            raise Refused(f"there is no secret {name} in this account and region: give another --stack, profile or region") from None
        lacks = missing(provider, text)
        report[provider] = {"secret": name, "filled": not lacks, **({"missing": lacks} if lacks else {})}
        if lacks:
            ways.append(
                f"{name} lacks {', '.join(lacks)}: write {EXAMPLES[provider]} with the real values to {provider}.json, then\n"
                f"  aws secretsmanager put-secret-value --secret-id {name} --secret-string file://{provider}.json && rm {provider}.json"
            )
    show(report)
    if ways:
        raise Refused("secrets are not filled\n" + "\n".join(ways))


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
