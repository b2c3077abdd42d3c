#!/usr/bin/env python3
"""Deploys template.yaml and target/lambda to one stage: `infra/deploy.py dev|staging|prod [--despite-alarms] [--dry-run]`. Needs `sam`, `aws` and,
for the account, what every AWS tool needs; nothing else. Parameters come from the environment, under the names of the template in capitals:
CLERK_ISSUER and ALLOWED_ORIGINS are required, CLERK_JWKS is fetched from the issuer where it is not given, and any other (ADMIN_USER_IDS,
ALARM_EMAIL …) may be set. What is not set, or empty, gets the template's default, whatever the stack had before. GIT_SHA is the commit
that is checked out where it is not given.

--despite-alarms (or CAUTIOUS=false) moves all traffic at once and regards no alarm, for this deployment alone: to go back, or to mend
while an alarm is raised that would stop any other deployment.

`sam deploy` uploads, makes a change set and executes it, and has no option for rollback triggers; a change set takes them only when it is made. So
`sam package` uploads here, and the change set is made with the triggers.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The stack of each stage.
STAGES = {"dev": "greenroom-dev", "staging": "greenroom", "prod": "greenroom"}
SWITCHES = ("--despite-alarms", "--dry-run")
REQUIRED = ("ClerkIssuer", "AllowedOrigins")
# The alarms of infra/watch.yaml that take a deployment back, and how long they are watched in production after everything is in force.
TAKING_BACK = ("FaultyAnswerAlarm", "FunctionErrorAlarm")
WATCHED_MINUTES = 5


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


def run(*command):
    print(" ".join(command), file=sys.stderr)
    if subprocess.run([*command, *region()], cwd=ROOT).returncode:
        sys.exit(f"deploy: {' '.join(command[:3])} failed, see above")


def ask(*question):
    """What AWS answers; None where there is no such stack."""
    answer = subprocess.run(["aws", *question, *region(), "--output", "json"], capture_output=True, text=True)
    if answer.returncode and "does not exist" not in answer.stderr:
        sys.exit(f"deploy: {answer.stderr.strip()}")
    return None if answer.returncode else json.loads(answer.stdout)


def rollback(stack, stage, cautious):
    """The triggers that take the whole stack back. Before the first deployment there are no such alarms, and one that is missing would fail it. An
    empty list takes away what CloudFormation keeps of the deployment before."""
    names = [f"{stack}-{alarm}" for alarm in TAKING_BACK] if cautious else []
    alarms = names and ask("cloudwatch", "describe-alarms", "--alarm-names", *names, "--query", "MetricAlarms[].AlarmArn")
    minutes = WATCHED_MINUTES if alarms and stage == "prod" else 0
    return {"RollbackTriggers": [{"Arn": arn, "Type": "AWS::CloudWatch::Alarm"} for arn in alarms], "MonitoringTimeInMinutes": minutes}


def upload(given, folder):
    """Uploads code and templates; returns the address of the outer one, which is too large to be sent along."""
    file = folder / "template.yaml"
    run("sam", "package", "--resolve-s3", "--s3-prefix", f"greenroom/{release(given)}", "--output-template-file", str(file))
    # `sam` has put the stacks within it into the same folder of its bucket.
    beside = re.search(r"TemplateURL: (https?://\S+/)\S+", file.read_text())[1]
    run("aws", "s3", "cp", "--only-show-errors", str(file), f"s3:/{urllib.parse.urlsplit(beside).path}template.yaml")
    return f"{beside}template.yaml"


def deploy(stack, stage, given):
    status = ask("cloudformation", "describe-stacks", "--stack-name", stack, "--query", "Stacks[0].StackStatus")
    kind = "create" if status in (None, "REVIEW_IN_PROGRESS") else "update"
    change_set = ["--stack-name", stack, "--change-set-name", f"deploy-{given['Deployment']}"]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        url = upload(given, folder)
        # On the command line a JSON document would not survive.
        (folder / "parameters.json").write_text(json.dumps([{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()]))
        (folder / "rollback.json").write_text(json.dumps(rollback(stack, stage, given["Cautious"] == "true")))
        run("aws", "cloudformation", "create-change-set", *change_set, "--change-set-type", kind.upper(), "--template-url", url,
            "--parameters", f"file://{folder}/parameters.json", "--rollback-configuration", f"file://{folder}/rollback.json",
            "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")
    run("aws", "cloudformation", "wait", "change-set-create-complete", *change_set)
    changes = "Changes[].ResourceChange.[Action,LogicalResourceId,ResourceType,Replacement]"
    run("aws", "cloudformation", "describe-change-set", *change_set, "--query", changes, "--output", "text")
    if "CI" not in os.environ and input("Deploy this? [y/N] ") not in ("y", "Y"):
        run("aws", "cloudformation", "delete-change-set", *change_set)
        sys.exit("deploy: nothing was changed")
    run("aws", "cloudformation", "execute-change-set", *change_set, "--client-request-token", given["Deployment"])
    print(f"{stack}: {kind} has begun", file=sys.stderr)
    if subprocess.run(["aws", "cloudformation", "wait", f"stack-{kind}-complete", "--stack-name", stack, *region()]).returncode:
        mine = f"StackEvents[?ClientRequestToken=='{given['Deployment']}' && ResourceStatusReason].[LogicalResourceId,ResourceStatus,ResourceStatusReason]"
        run("aws", "cloudformation", "describe-stack-events", "--stack-name", stack, "--query", mine, "--output", "text")
        sys.exit(f"deploy: {stack} was not deployed, see above")
    run("aws", "cloudformation", "describe-stacks", "--stack-name", stack, "--query", "Stacks[0].Outputs[].[OutputKey,OutputValue]", "--output", "text")


def main():
    stage, switches = sys.argv[1:2], sys.argv[2:]
    if not stage or stage[0] not in STAGES or not set(switches) <= set(SWITCHES):
        sys.exit(__doc__)
    stage = stage[0]
    given = parameters(stage, switches)
    # Nobody pages through what is shown here.
    os.environ["AWS_PAGER"] = ""
    print(f"{STAGES[stage]} by {release(given)}", file=sys.stderr)
    for name, value in given.items():
        print(f"  {name}: {value if len(value) < 100 else value[:100] + ' …'}", file=sys.stderr)
    if "--dry-run" not in switches:
        deploy(STAGES[stage], stage, given)


if __name__ == "__main__":
    main()
