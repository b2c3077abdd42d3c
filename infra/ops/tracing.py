"""The story of one request or booking: what was logged, what followed by the outbox, which credits moved, which events came."""

import datetime
import time

from botocore.exceptions import ClientError

import story
from stack import Refused, say, show

# Logs Insights returns no more.
LINES_AT_MOST = 10_000
# A request that has to do with more bookings is a run of a schedule: it is told by its own lines.
BOOKINGS_AT_MOST = 3
PROVIDERS = ("clerk", "stream")


def query(stack, group, ids, days):
    """Time and text of the log lines that hold any of these ids."""
    logs, now = stack.client("logs"), int(time.time())
    text = f"fields @timestamp, @message | filter @message like /{story.pattern(ids)}/ | sort @timestamp asc | limit {LINES_AT_MOST}"
    try:
        started = logs.start_query(
            logGroupName=group, startTime=now - days * 24 * 3600, endTime=now + 60, queryString=text, limit=LINES_AT_MOST
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return []
        raise
    while True:
        answer = logs.get_query_results(queryId=started["queryId"])
        if answer["status"] not in ("Scheduled", "Running", "Unknown"):
            break
        time.sleep(1)
    if answer["status"] != "Complete":
        raise Refused(f"the query of {group} ended as {answer['status']}: try again, or with fewer --days")
    if len(answer["results"]) == LINES_AT_MOST:
        say(f"{group} has more lines than a query returns: use fewer --days")
    rows = [{field["field"]: field["value"] for field in row} for row in answer["results"]]
    return [(row.get("@timestamp", ""), row.get("@message", "")) for row in rows]


def function_lines(stack, ids, days):
    if not ids:
        return []
    return story.parsed(text for _, text in query(stack, f"/{stack.name}/functions", ids, days))


def gateway_lines(stack, ids, days):
    found = query(stack, f"/aws/vendedlogs/{stack.name}/requests", ids, days)
    # Insights writes `2026-11-20 10:00:00.000`, in UTC.
    return [(at.replace(" ", "T") + "Z", line) for at, text in found for line in story.parsed([text])]


def trace(stack, options):
    what, days = options.what, options.days
    if not story.ID.fullmatch(what):
        raise Refused(f"{what} is neither a booking's id nor that of a request: those have 8 characters or more")
    lines = function_lines(stack, {what}, days)
    if story.BOOKING.fullmatch(what):
        whole, asked = [what], story.origins(lines)
        lines = story.concerning(story.each_once(lines, function_lines(stack, asked, days)), what)
    else:
        asked, about = {what}, story.bookings(lines)
        whole = sorted(about) if len(about) <= BOOKINGS_AT_MOST else []
        lines = story.each_once(lines, function_lines(stack, set(whole), days))
    items = {booking: list(stack.query(pk=f"BOOKING#{booking}")) for booking in whole}
    outbox = [stack.item(f"OUTBOX#{row}", "EFFECT") for row in sorted(story.named(lines, "outbox.id"))]
    transfers = [stack.item(f"TRANSFER#{kind}:{booking}", "TRANSFER") for booking in whole for kind in ("hold", "settle")]
    digests = sorted(story.named(lines, "event.sha256"))
    events = [stack.item(f"WEBHOOK#{provider}#{digest}", "EVENT") for digest in digests for provider in PROVIDERS]
    entries = story.told(
        story.of_lines(lines),
        story.of_gateway(gateway_lines(stack, asked, days) if asked else []),
        story.of_outbox(filter(None, outbox)),
        story.of_transfers(filter(None, transfers)),
        story.of_events(filter(None, events)),
        *(story.of_booking(found) for found in items.values()),
    )
    if not entries:
        since = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days)
        raise Refused(f"nothing of {what} since {since:%Y-%m-%d}; lines come up to a minute late, and are kept for LogRetentionDays")
    show({"of": what, "bookings": whole, "origins": sorted(story.origins(lines)), "story": entries})
