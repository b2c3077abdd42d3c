"""One deployed stack: where its table, queues, functions and secrets are, found by its name."""

import functools
import json
import os
import sys

import boto3
from boto3.dynamodb.types import TypeDeserializer
from botocore.config import Config
from botocore.exceptions import ClientError


class Refused(Exception):
    """Something the operator can put right; its text is all they see."""


def say(text):
    """What was done or seen, for people; results that a program may want go to standard output instead."""
    print(text, file=sys.stderr)


def show(value):
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def plain(value):
    """DynamoDB's numbers as JSON has them; all of ours are whole."""
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, (list, set)):
        return [plain(member) for member in value]
    return int(value) if type(value).__name__ == "Decimal" else value


class Stack:
    def __init__(self, name):
        self.name = name

    @functools.cache
    def client(self, service):
        # boto3 knows AWS_DEFAULT_REGION alone; every other AWS tool knows both and prefers AWS_REGION.
        region = os.environ.get("AWS_REGION") or None
        config = Config(retries={"max_attempts": 5, "mode": "standard"}, connect_timeout=10, read_timeout=310)
        return boto3.client(service, region_name=region, config=config)

    @functools.cached_property
    def outputs(self):
        try:
            stack = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                raise Refused(f"there is no stack {self.name} in this account and region: give another --stack, profile or region") from None
            raise
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def output(self, name):
        try:
            return self.outputs[name]
        except KeyError:
            raise Refused(f"the stack {self.name} has no output {name}: is it deployed from an older template?") from None

    @property
    def api_url(self):
        """The address CloudFormation computes exists on AWS only, so a local stack names its own."""
        return os.environ.get("GREENROOM_API_URL") or self.output("ApiUrl")

    def function(self, logical_id):
        found = self.client("cloudformation").describe_stack_resource(StackName=self.name, LogicalResourceId=logical_id)
        return found["StackResourceDetail"]["PhysicalResourceId"]

    def secret(self, provider):
        """The keys of a provider's secret."""
        answer = self.client("secretsmanager").get_secret_value(SecretId=f"{self.name}/{provider}")
        keys = json.loads(answer["SecretString"])
        if not isinstance(keys, dict):
            raise Refused(f"the secret {self.name}/{provider} is not an object of keys")
        return keys

    def key(self, provider, name):
        """The one of a provider's keys that is in force; a new stack's secret holds a placeholder and has none."""
        value = self.secret(provider).get(name)
        first = value[0] if isinstance(value, list) and value else value
        if not first:
            raise Refused(f"the secret {self.name}/{provider} has no {name}: fill it (infra/RUNBOOK.md, \"Keys\"), then run this again")
        return first

    def item(self, pk, sk):
        answer = self.client("dynamodb").get_item(TableName=self.output("TableName"), Key={"pk": {"S": pk}, "sk": {"S": sk}}, ConsistentRead=True)
        return values(answer["Item"]) if "Item" in answer else None

    def query(self, limit=None, index=None, **keys):
        """Items with these key attributes; a sort key given as (prefix,) is a prefix. Consistent, except on an index."""
        names, conditions, wanted = {}, [], {}
        for place, (name, value) in enumerate(keys.items()):
            names[f"#{place}"] = name
            prefix = isinstance(value, tuple)
            conditions.append(f"begins_with(#{place}, :{place})" if prefix else f"#{place} = :{place}")
            wanted[f":{place}"] = {"S": value[0] if prefix else value}
        request = {
            "TableName": self.output("TableName"),
            "KeyConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": wanted,
            **({"IndexName": index} if index else {"ConsistentRead": True}),
        }
        pages = self.client("dynamodb").get_paginator("query").paginate(**request, PaginationConfig={"MaxItems": limit} if limit else {})
        for page in pages:
            yield from map(values, page["Items"])


def values(item):
    return plain({name: TypeDeserializer().deserialize(value) for name, value in item.items()})
