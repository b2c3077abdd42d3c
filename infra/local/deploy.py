"""Deploys template.yaml to the emulator and fills its secrets.

Reads one JSON object from standard input: { template, binaries, endpoint, region, stackName, parameters, secrets }
(`binaries` is the folder with the built programs, `secrets` is { provider: { key: value } }). Writes one JSON object, the stack's
outputs, to standard output; everything else goes to standard error. Ends with 1 and a message where something is missing.
"""

import hashlib
import io
import json
import pathlib
import sys
import time
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import emulated

ARTIFACTS = "greenroom-artifacts"
DEADLINE_SECONDS = 120


class Refused(Exception):
    """Something the person at the terminal can put right; its text is all they see."""


def client(service, job):
    return boto3.client(
        service,
        endpoint_url=job["endpoint"],
        region_name=job["region"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 2}, s3={"addressing_style": "path"}),
    )


def artifact(binary):
    """A zip whose bootstrap becomes the built program: no copy of 40 MB per function, and `exec` keeps the process id, which
    the emulator needs to end it."""
    script = f'#!/bin/sh\nexec "{binary}"\n'.encode()
    entry = zipfile.ZipInfo("bootstrap")
    entry.external_attr = 0o755 << 16
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(entry, script)
    return packed.getvalue()


def upload(job, source):
    """The S3 URI of each function's artifact, by logical id."""
    binaries = pathlib.Path(job["binaries"])
    wanted = dict(emulated.functions(source))
    missing = sorted(binary for binary in wanted.values() if not (binaries / binary).is_file())
    if missing:
        raise Refused(f"template.yaml names functions without a built binary: {', '.join(missing)}")
    s3 = client("s3", job)
    try:
        s3.create_bucket(Bucket=ARTIFACTS, CreateBucketConfiguration={"LocationConstraint": job["region"]})
    except s3.exceptions.BucketAlreadyOwnedByYou:
        pass
    uris = {}
    for name, binary in wanted.items():
        code = artifact(binaries / binary)
        key = f"{binary}-{hashlib.sha256(code).hexdigest()[:16]}.zip"
        s3.put_object(Bucket=ARTIFACTS, Key=key, Body=code)
        uris[name] = f"s3://{ARTIFACTS}/{key}"
    return uris


def parameters(job, source):
    """The parameters as CloudFormation wants them; unknown and missing ones are refused by name."""
    declared = source.get("Parameters", {})
    unknown = sorted(set(job["parameters"]) - set(declared))
    if unknown:
        raise Refused(f"template.yaml has no parameter {', '.join(unknown)}")
    missing = sorted(name for name, about in declared.items() if "Default" not in about and name not in job["parameters"])
    if missing:
        raise Refused(f"no value for the parameter {', '.join(missing)}: set GREENROOM_PARAM_{missing[0]}")
    return [{"ParameterKey": name, "ParameterValue": str(value)} for name, value in job["parameters"].items()]


def status(cloudformation, stack):
    try:
        return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def settled(cloudformation, stack):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        now = status(cloudformation, stack)
        if now is None or not now["StackStatus"].endswith("_IN_PROGRESS"):
            return now
        if time.monotonic() > deadline:
            raise Refused(f"the stack is still {now['StackStatus']} after {DEADLINE_SECONDS} s")
        time.sleep(0.1)


def failures(cloudformation, stack):
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
    return "; ".join(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}" for event in failed[:5])


def apply(job, source):
    """Creates or updates the stack; returns its description."""
    uris = upload(job, source)
    template = emulated.compiled(source, uris.get)
    # Larger than TemplateBody may be.
    client("s3", job).put_object(Bucket=ARTIFACTS, Key="template.json", Body=json.dumps(template).encode())
    cloudformation = client("cloudformation", job)
    wish = {
        "StackName": job["stackName"],
        "TemplateURL": f"{job['endpoint']}/{ARTIFACTS}/template.json",
        "Parameters": parameters(job, source),
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    }
    before = status(cloudformation, job["stackName"])
    if before and ("ROLLBACK" in before["StackStatus"] or before["StackStatus"].endswith("FAILED")):
        raise Refused(f"the kept stack is in state {before['StackStatus']}: start once with --fresh")
    try:
        if before:
            cloudformation.update_stack(**wish)
        else:
            cloudformation.create_stack(**wish)
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise
    after = settled(cloudformation, job["stackName"])
    if after is None or after["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        state = after["StackStatus"] if after else "gone"
        raise Refused(f"the stack is {state}: {failures(cloudformation, job['stackName'])}")
    return after


def enable_ttl(job, template, table):
    """The emulator ignores TimeToLiveSpecification in a template, and refuses to enable twice."""
    wanted = next(r for r in template["Resources"].values() if r["Type"] == "AWS::DynamoDB::Table")["Properties"]["TimeToLiveSpecification"]
    dynamodb = client("dynamodb", job)
    if dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED":
        dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=dict(wanted))


def fill_secrets(job, template):
    """Puts the given values into the secrets the template creates; providers it does not know yet are ignored."""
    manager = client("secretsmanager", job)
    known = {
        resource["Properties"]["Name"]["Fn::Sub"].rsplit("/", 1)[-1]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::SecretsManager::Secret"
    }
    for provider, keys in job["secrets"].items():
        if provider in known:
            manager.put_secret_value(SecretId=f"{job['stackName']}/{provider}", SecretString=json.dumps(keys))


def main():
    job = json.load(sys.stdin)
    template = emulated.inlined(pathlib.Path(job["template"]))
    try:
        stack = apply(job, template)
    except Refused as refusal:
        sys.exit(f"deploy: {refusal}")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    enable_ttl(job, template, outputs["TableName"])
    fill_secrets(job, template)
    # The address CloudFormation computes exists on AWS only.
    outputs["ApiUrl"] = f"{job['endpoint']}/_aws/execute-api/{emulated.API_ID}"
    json.dump(outputs, sys.stdout)


if __name__ == "__main__":
    main()
