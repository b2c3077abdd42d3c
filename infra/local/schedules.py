"""Runs every scheduled function once, as EventBridge Scheduler would. Reads { template, endpoint, region, stackName } from standard
input; ends with 1 and a message where one of them fails."""

import json
import pathlib
import sys

from samtranslator.yaml_helper import yaml_parse

import deploy


def scheduled(template):
    for name, resource in template["Resources"].items():
        events = resource.get("Properties", {}).get("Events", {}) if resource["Type"] == "AWS::Serverless::Function" else {}
        if any(event["Type"] == "ScheduleV2" for event in events.values()):
            yield name


def main():
    job = json.load(sys.stdin)
    cloudformation, functions = deploy.client("cloudformation", job), deploy.client("lambda", job)
    for name in scheduled(yaml_parse(pathlib.Path(job["template"]).read_text())):
        found = cloudformation.describe_stack_resource(StackName=job["stackName"], LogicalResourceId=name)
        answer = functions.invoke(FunctionName=found["StackResourceDetail"]["PhysicalResourceId"], Payload=b"{}")
        said = answer["Payload"].read().decode()
        if "FunctionError" in answer:
            sys.exit(f"schedules: {name} failed: {said}")
        print(f"schedules: {name}: {said}", file=sys.stderr)


if __name__ == "__main__":
    main()
