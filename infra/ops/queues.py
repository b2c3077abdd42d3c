"""Dead-letter queues, the outbox, and feedback that is to be generated again."""

import itertools
import json
import re
import time

from stack import Refused, say, show

# The name an operator types, and the outputs that name its queue and where that queue's failures go.
WORKERS = {name: (f"{name.title()}QueueUrl", f"{name.title()}DeadLetterQueueUrl") for name in ("generation", "stream", "media", "settlement")}
RELAY = "relay"
NAMES = (*WORKERS, RELAY)

BATCH = 10
ROWS_PER_REDRIVE = 500
BOOKING = re.compile(r"bkg_[0-9A-Za-z]{26}")


def dead_letters(stack, name):
    return stack.output("RelayFailureQueueUrl" if name == RELAY else WORKERS[name][1])


def depth(stack, url):
    wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = stack.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"]
    return int(found[wanted[0]]), int(found[wanted[1]])


def received(stack, url):
    """Messages of a queue, each once, until it seems empty. They stay hidden from others for a minute."""
    seen, misses = set(), 0
    while misses < 2:
        answer = stack.client("sqs").receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=BATCH,
            VisibilityTimeout=60,
            WaitTimeSeconds=1,
            AttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
        )
        fresh = [message for message in answer.get("Messages", []) if message["MessageId"] not in seen]
        # SQS asks a part of its servers only, so one empty answer proves nothing.
        misses = 0 if fresh else misses + 1
        for message in fresh:
            seen.add(message["MessageId"])
            yield message


def about(message):
    """What a message is about, without links, which let their reader fetch a recording."""
    attributes = message.get("Attributes", {})
    sent = int(attributes.get("SentTimestamp", 0)) / 1000
    shown = {"messageId": message["MessageId"], "sentAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(sent))}
    try:
        body = json.loads(message["Body"])
    except ValueError:
        return {**shown, "body": f"{len(message['Body'])} characters that are not JSON"}
    if not isinstance(body, dict):
        return {**shown, "body": "not an object"}
    known = ("outboxId", "effect", "bookingId", "userId", "cause", "origin", "requestContext", "DDBStreamBatchInfo")
    return {**shown, **{name: body[name] for name in known if name in body}}


def put_back(stack, url, messages):
    """Looking must not keep messages from the one who redrives. Done at the end, or the queue would give the same ones again."""
    for message in messages:
        stack.client("sqs").change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)


def dlq_list(stack, options):
    wanted = [options.queue] if options.queue else NAMES
    found = {}
    for name in wanted:
        url = dead_letters(stack, name)
        waiting, hidden = depth(stack, url)
        found[name] = {"messages": waiting, "held": hidden}
        if options.queue or waiting:
            messages = list(itertools.islice(received(stack, url), options.limit))
            put_back(stack, url, messages)
            found[name]["shown"] = [about(message) for message in messages]
    show(found)


def dlq_redrive(stack, options):
    if options.queue == RELAY:
        raise Refused("rows the relay gave up on are still in the table: `ops outbox redrive` sends them, then `ops dlq discard relay --all`")
    source, target = dead_letters(stack, options.queue), stack.output(WORKERS[options.queue][0])
    sqs, moved, given_back = stack.client("sqs"), 0, set()
    for message in received(stack, source):
        if message["MessageId"] in given_back:
            say("messages come back as they are given back: the cause is not mended")
            break
        # First sent, then deleted: a stop in between sends it twice, which every worker bears.
        given_back.add(sqs.send_message(QueueUrl=target, MessageBody=message["Body"])["MessageId"])
        sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
        moved += 1
    show({"queue": options.queue, "redriven": moved})


def dlq_discard(stack, options):
    if bool(options.message) == options.all:
        raise Refused("say which: --message ID, or --all")
    url, gone, others = dead_letters(stack, options.queue), [], []
    for message in received(stack, url):
        if not options.all and message["MessageId"] != options.message:
            others.append(message)
            continue
        stack.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        gone.append(about(message))
        if options.message:
            break
    put_back(stack, url, others)
    if options.message and not gone:
        raise Refused(f"there is no message {options.message} in {options.queue}")
    show({"queue": options.queue, "discarded": gone})


def outbox_list(stack, options):
    rows = list(stack.query(index="gsi1", gsi1pk="OUTBOX", limit=options.limit))
    show([{name: row.get(name) for name in ("outboxId", "queue", "createdAt")} for row in rows])
    if len(rows) == options.limit:
        say("there may be more: --limit")


def outbox_redrive(stack, options):
    function, total = stack.function("RedriveOutboxFunction"), 0
    while True:
        answer = stack.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"olderThanSeconds": options.older_than}))
        payload = answer["Payload"].read().decode()
        if "FunctionError" in answer:
            raise Refused(f"after {total} rows the function failed, its log says why: {payload}")
        sent = json.loads(payload)["redriven"]
        total += sent
        # A run that sent less than it may has seen everything.
        if sent < ROWS_PER_REDRIVE:
            show({"redriven": total})
            return


def feedback_rerun(stack, options):
    if not BOOKING.fullmatch(options.booking):
        raise Refused(f"{options.booking} is not a booking id: they look like bkg_01J…")
    booking = stack.item(f"BOOKING#{options.booking}", "BOOKING")
    if booking is None:
        raise Refused(f"there is no booking {options.booking}")
    if booking.get("status") == "CANCELLED":
        raise Refused("a cancelled booking gets no feedback")
    if booking.get("feedback") == "COMPLETE":
        raise Refused("its feedback is complete and is never written again")
    if not any(True for _ in stack.query(pk=f"BOOKING#{options.booking}", sk=("MEDIA#TRANSCRIPT#",))):
        raise Refused("it has no transcript yet, which feedback is made from: see `ops webhook show` for what Stream told us")
    cause = f"operator-{int(time.time())}"
    message = {"outboxId": f"feedback:{options.booking}:{cause}", "effect": "feedback", "bookingId": options.booking, "cause": cause, "origin": cause}
    sent = stack.client("sqs").send_message(QueueUrl=stack.output("GenerationQueueUrl"), MessageBody=json.dumps(message))
    show({"bookingId": options.booking, "feedbackBefore": booking.get("feedback"), "messageId": sent["MessageId"]})
