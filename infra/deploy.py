#!/usr/bin/env python3
"""Deploys template.yaml and target/lambda to one stage: `infra/deploy.py dev|staging|prod [--dry-run]`. Needs `sam` and, for the account, what every AWS tool
needs; nothing else. Parameters come from the environment, under the names of the template in capitals: CLERK_ISSUER and ALLOWED_ORIGINS
are required, CLERK_JWKS is fetched from the issuer where it is not given, and any other (ADMIN_USER_IDS, ALARM_EMAIL …) may be set.
GIT_SHA is the commit that is checked out where it is not given.
"""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
STAGES = ("dev", "staging", "prod")
REQUIRED = ("ClerkIssuer", "AllowedOrigins")
# They are no variables of functions, so that a change of them makes no new version.
NOT_OF_FUNCTIONS = {"AlarmEmail", "MediaRetentionDays", "LogRetentionDays"}


def declared():
    text = (ROOT / "template.yaml").read_text()
    section = text.split("\nParameters:\n")[1].split("\nConditions:\n")[0]
    return re.findall(r"^  ([A-Za-z]+):$", section, re.MULTILINE)


def variable(parameter):
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", parameter).upper()


def parameters(stage):
    given = {name: os.environ[variable(name)] for name in declared() if os.environ.get(variable(name))}
    missing = [variable(name) for name in REQUIRED if name not in given]
    if missing:
        sys.exit(f"deploy: set {' and '.join(missing)}")
    given["Stage"] = stage
    if "GitSha" not in given:
        given["GitSha"] = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    if "ClerkJwks" not in given:
        with urllib.request.urlopen(f"{given['ClerkIssuer'].rstrip('/')}/.well-known/jwks.json", timeout=30) as answer:
            given["ClerkJwks"] = json.dumps(json.load(answer), separators=(",", ":"))
    return given


def release(given):
    """Versions of functions are made where the address of their code changes; a changed variable alone makes none, and the alias would
    go on with the old one. So the address names the commit and all variables."""
    of_functions = {name: value for name, value in given.items() if name not in NOT_OF_FUNCTIONS}
    return f"{given['GitSha'][:12]}-{hashlib.sha256(json.dumps(of_functions, sort_keys=True).encode()).hexdigest()[:12]}"


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in STAGES or sys.argv[2:] not in ([], ["--dry-run"]):
        sys.exit(__doc__)
    stage = sys.argv[1]
    given = parameters(stage)
    with tempfile.TemporaryDirectory() as folder:
        # On the command line a JSON document would not survive.
        file = pathlib.Path(folder) / "parameters.yaml"
        file.write_text(json.dumps(given))
        command = ["sam", "deploy", "--config-env", stage, "--s3-prefix", f"greenroom/{release(given)}", "--parameter-overrides", f"file://{file}"]
        if "CI" in os.environ:
            command.append("--no-confirm-changeset")
        print(" ".join(command), file=sys.stderr)
        for name, value in given.items():
            print(f"  {name}: {value if len(value) < 100 else value[:100] + ' …'}", file=sys.stderr)
        if not sys.argv[2:]:
            sys.exit(subprocess.run(command, cwd=ROOT).returncode)


if __name__ == "__main__":
    main()
