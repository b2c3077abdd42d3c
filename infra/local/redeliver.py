"""Hands outbox rows that were not relayed before the last stop to the relay.

The emulator's table stream does not survive a restart (on AWS it does), and a redrive looks at rows only once they are five
minutes old. So the relay gets, once per start, the stream records it would have got. Rows may be relayed twice that way, which
every worker has to bear anyway. Reads { endpoint, region, stackName, table } from standard input.
"""

import json
import sys

import deploy

BATCH = 100


def unrelayed(dynamodb, table):
    """Rows keep an index key until they are relayed."""
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table,
        ConsistentRead=True,
        FilterExpression="begins_with(pk, :outbox) AND (attribute_exists(gsi1pk) OR attribute_exists(gsi2pk))",
        ExpressionAttributeValues={":outbox": {"S": "OUTBOX#"}},
    )
    for page in pages:
        yield from page["Items"]


def record(job, number, row):
    return {
        "eventID": f"restart-{number}",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": job["region"],
        "eventSourceARN": f"arn:aws:dynamodb:{job['region']}:000000000000:table/{job['table']}/stream/restart",
        "dynamodb": {
            "ApproximateCreationDateTime": 0,
            "Keys": {"pk": row["pk"], "sk": row["sk"]},
            "NewImage": row,
            "SequenceNumber": str(number),
            "SizeBytes": 0,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }


def main():
    job = json.load(sys.stdin)
    rows = list(unrelayed(deploy.client("dynamodb", job), job["table"]))
    if not rows:
        return
    relay = deploy.client("cloudformation", job).describe_stack_resource(StackName=job["stackName"], LogicalResourceId="RelayOutboxFunction")
    name = relay["StackResourceDetail"]["PhysicalResourceId"]
    records = [record(job, number, row) for number, row in enumerate(rows)]
    for start in range(0, len(records), BATCH):
        answer = deploy.client("lambda", job).invoke(FunctionName=name, Payload=json.dumps({"Records": records[start : start + BATCH]}))
        if "FunctionError" in answer:
            sys.exit(f"redeliver: the relay refused rows of before the restart: {answer['Payload'].read().decode()}")
    print(f"redeliver: {len(rows)} outbox rows of before the restart given to the relay", file=sys.stderr)


if __name__ == "__main__":
    main()
