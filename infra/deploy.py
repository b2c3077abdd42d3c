#!/usr/bin/env python3
"""Deploys template.yaml and target/lambda to one stage: `infra/deploy.py dev|staging|prod [--despite-alarms] [--dry-run]`. Needs `sam` and, for the
account, what every AWS tool needs; nothing else. Parameters come from the environment, under the names of the template in capitals:
CLERK_ISSUER and ALLOWED_ORIGINS are required, CLERK_JWKS is fetched from the issuer where it is not given, and any other (ADMIN_USER_IDS,
ALARM_EMAIL …) may be set. What is not set, or empty, gets the template's default, whatever the stack had before. GIT_SHA is the commit
that is checked out where it is not given.

--despite-alarms (or CAUTIOUS=false) moves all traffic at once and regards no alarm, for this deployment alone: to go back, or to mend
while an alarm is raised that would stop any other deployment.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
STAGES = ("dev", "staging", "prod")
SWITCHES = ("--despite-alarms", "--dry-run")
REQUIRED = ("ClerkIssuer", "AllowedOrigins")


def declared():
    """The template's parameters with their defaults, None where there is none. `sam` leaves a stack's parameter as it is where none is given, so each
    is given each time."""
    text = (ROOT / "template.yaml").read_text()
    section = text.split("\nParameters:\n")[1].split("\nConditions:\n")[0]
    found = {}
    for name, block in re.findall(r"^  (\w+):\n((?:    .*\n)+)", section + "\n", re.MULTILINE):
        default = re.search(r"^    Default: *(.*?) *$", block, re.MULTILINE)
        found[name] = default and scalar(default[1])
    return found


def scalar(text):
    """A YAML scalar as it stands in the template: quoted, or plain without a comment."""
    if text[:1] in ("'", '"') and text[-1:] == text[:1] and len(text) >= 2:
        return text[1:-1]
    if re.search(r"[#&*!|>{}\[\]'\"]", text):
        sys.exit(f"deploy: this default of the template cannot be read here: {text}")
    return text


def variable(parameter):
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", parameter).upper()


def attempt():
    """Differs each time, also where the same commit is deployed again."""
    run = os.environ.get("GITHUB_RUN_ID")
    return f"{run}-{os.environ.get('GITHUB_RUN_ATTEMPT', '1')}" if run else time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())


def parameters(stage, switches):
    given = {name: os.environ.get(variable(name)) or default for name, default in declared().items()}
    missing = [variable(name) for name in REQUIRED if not given[name]]
    if missing:
        sys.exit(f"deploy: set {' and '.join(missing)}")
    # Both are compared as they are with what tokens and browsers say, which never has it.
    slashed = [name for name in REQUIRED if any(one.strip().endswith("/") for one in given[name].split(","))]
    if slashed:
        sys.exit(f"deploy: {' and '.join(map(variable, slashed))} must not end with a slash")
    given["Stage"] = stage
    given["Deployment"] = attempt()
    if "--despite-alarms" in switches:
        given["Cautious"] = "false"
    if not os.environ.get("GIT_SHA"):
        given["GitSha"] = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    if not given["ClerkJwks"]:
        keys = f"{given['ClerkIssuer']}/.well-known/jwks.json"
        try:
            with urllib.request.urlopen(keys, timeout=30) as answer:
                given["ClerkJwks"] = json.dumps(json.load(answer), separators=(",", ":"))
        except (OSError, ValueError) as error:
            sys.exit(f"deploy: {keys} cannot be read ({error}): is CLERK_ISSUER right? Or give the keys in CLERK_JWKS")
    without = [variable(name) for name, value in given.items() if value is None]
    if without:
        sys.exit(f"deploy: set {' and '.join(without)}")
    return given


def release(given):
    """Versions of functions are made where the address of their code changes; a changed variable alone makes none, and the alias would
    go on with the old one. So the address names the commit and this attempt."""
    return f"{given['GitSha'][:12]}-{given['Deployment']}"


def region():
    """`sam` knows AWS_DEFAULT_REGION alone; every other AWS tool knows both and prefers AWS_REGION."""
    named = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return ["--region", named] if named else []


def main():
    stage, switches = sys.argv[1:2], sys.argv[2:]
    if not stage or stage[0] not in STAGES or not set(switches) <= set(SWITCHES):
        sys.exit(__doc__)
    stage = stage[0]
    given = parameters(stage, switches)
    with tempfile.TemporaryDirectory() as folder:
        # On the command line a JSON document would not survive.
        file = pathlib.Path(folder) / "parameters.yaml"
        file.write_text(json.dumps(given))
        command = ["sam", "deploy", "--config-env", stage, "--s3-prefix", f"greenroom/{release(given)}", "--parameter-overrides", f"file://{file}", *region()]
        if "CI" in os.environ:
            command.append("--no-confirm-changeset")
        print(" ".join(command), file=sys.stderr)
        for name, value in given.items():
            print(f"  {name}: {value if len(value) < 100 else value[:100] + ' …'}", file=sys.stderr)
        if "--dry-run" not in switches:
            sys.exit(subprocess.run(command, cwd=ROOT).returncode)


if __name__ == "__main__":
    main()
