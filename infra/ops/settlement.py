"""Due bookings that the sweep has set aside, because nothing that is stored of them can be settled before somebody has mended it."""

from stack import Refused, show

PARTITION = "DUE#ASIDE"


def lying(stack):
    return list(stack.query(pk=PARTITION))


def named(stack, name):
    """Those of one booking; the sort key says the hour too."""
    found = [item for item in lying(stack) if item["sk"] == name or item["sk"].endswith(f"#{name}")]
    if not found:
        raise Refused(f"{name} does not lie aside: see `settlement aside`")
    return found


def settlement_aside(stack, options):
    rows = [{"key": item["sk"], **{name: item.get(name) for name in ("why", "at", "again")}} for item in lying(stack)]
    show({"count": len(rows), "aside": rows})


def settlement_retry(stack, options):
    if bool(options.all) == bool(options.booking):
        raise Refused("name a booking, or say --all")
    rows = lying(stack) if options.all else named(stack, options.booking)
    for item in rows:
        stack.client("dynamodb").update_item(
            TableName=stack.output("TableName"),
            Key={"pk": {"S": PARTITION}, "sk": {"S": item["sk"]}},
            ConditionExpression="attribute_exists(pk)",
            UpdateExpression="SET again = :yes",
            ExpressionAttributeValues={":yes": {"BOOL": True}},
        )
    show({"retried": [item["sk"] for item in rows]})


def settlement_discard(stack, options):
    rows = named(stack, options.key)
    for item in rows:
        booking = item["sk"].rsplit("#", 1)[-1]
        if stack.item(f"BOOKING#{booking}", "BOOKING") is not None:
            raise Refused(f"{booking} is a booking, and would never be settled: mend it and retry")
    for item in rows:
        stack.client("dynamodb").delete_item(TableName=stack.output("TableName"), Key={"pk": {"S": PARTITION}, "sk": {"S": item["sk"]}})
    show({"discarded": [item["sk"] for item in rows]})
