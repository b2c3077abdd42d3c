"""The operator's commands, run by `cargo xtask ops`. Which account, region and endpoint: as for every AWS tool, by the environment."""

import argparse
import sys

from botocore.exceptions import BotoCoreError, ClientError

import queues
import rotation
import settlement
import smoke
import tracing
import wallet
import webhooks
from stack import Refused, Stack, say


def parser():
    top = argparse.ArgumentParser(
        prog="cargo xtask ops",
        description="Operates a deployed stack. Account, region and endpoint come from the environment, as for every AWS tool "
        "(AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL); --local means the running local stack. Results are JSON on standard output; "
        "the exit code is 0 only if all is well.",
    )
    top.add_argument("--stack", default="greenroom", help="name of the stack (greenroom)")
    top.add_argument("--local", action="store_true", help="the stack that `cargo xtask up` runs here, in GREENROOM_DATA if that is set")
    groups = top.add_subparsers(required=True, metavar="COMMAND")

    def group(name, about):
        return groups.add_parser(name, help=about, description=about).add_subparsers(required=True, metavar="ACTION")

    def action(parent, name, work, about):
        made = parent.add_parser(name, help=about, description=about)
        made.set_defaults(work=work)
        return made

    dlq = group("dlq", "messages that were tried eight times and set aside")
    listing = action(dlq, "list", queues.dlq_list, "how many messages each dead-letter queue holds, and what they are about")
    listing.add_argument("queue", nargs="?", choices=queues.NAMES, help="only this one")
    listing.add_argument("--limit", type=positive, default=10, help="how many messages to show of each (10)")
    redrive = action(dlq, "redrive", queues.dlq_redrive, "give a queue its messages back, once the cause is mended")
    redrive.add_argument("queue", choices=queues.NAMES)
    discard = action(dlq, "discard", queues.dlq_discard, "delete messages for good, for example what the relay noted")
    discard.add_argument("queue", choices=queues.NAMES)
    discard.add_argument("--message", metavar="ID", help="only the message with this id")
    discard.add_argument("--all", action="store_true", help="everything in it")

    webhook = group("webhook", "events of providers")
    shown = action(webhook, "show", webhooks.webhook_show, "whether an event was recorded, or what events have left on a booking")
    shown.add_argument("what", metavar="SHA256|BODY_FILE|BOOKING", help="digest of the body, a file with the body, or a booking id")
    replay = action(webhook, "replay", webhooks.webhook_replay, "send a body again, signed now with the stack's secret; a repeat changes nothing")
    replay.add_argument("provider", choices=webhooks.PROVIDERS)
    replay.add_argument("file", help="the body, as the provider's dashboard shows it")

    balances = group("wallet", "balances")
    check = action(balances, "check", wallet.wallet_check, "recompute a person's balances from their transactions; changes nothing")
    check.add_argument("user", help="full user id")
    action(balances, "reconcile", wallet.wallet_reconcile, "check the whole ledger now, in a new round of what the schedule does every day")

    settling = group("settlement", "due bookings that cannot be settled before they are mended")
    action(settling, "aside", settlement.settlement_aside, "which lie aside, and why")
    retry = action(settling, "retry", settlement.settlement_retry, "let the next sweep try again, once the cause is mended")
    retry.add_argument("booking", nargs="?", help="booking id")
    retry.add_argument("--all", action="store_true", help="everything that lies aside")
    dropped = action(settling, "discard", settlement.settlement_discard, "remove what is of no booking, for good")
    dropped.add_argument("key", help="as `settlement aside` shows it")

    rerun = action(group("feedback", "feedback of bookings"), "rerun", queues.feedback_rerun, "generate a feedback again that failed")
    rerun.add_argument("booking", help="booking id")

    keys = group("secret", "providers' keys")
    action(keys, "check", rotation.secret_check, "whether each provider's secret has its keys or still a placeholder; shows no value")
    rotate = action(
        keys,
        "rotate",
        rotation.secret_rotate,
        "change a key in two steps: with --from the new value comes before the old one, without it the old one is dropped",
    )
    rotate.add_argument("provider", choices=rotation.PROVIDERS)
    rotate.add_argument("--key", required=True, help="for example apiSecret or webhookSecret")
    rotate.add_argument("--from", dest="value", metavar="FILE", help="a file with the new value, or - for standard input")

    outbox = group("outbox", "effects that were committed and not yet sent to their queue")
    waiting = action(outbox, "list", queues.outbox_list, "rows that wait, oldest first")
    waiting.add_argument("--limit", type=positive, default=50, help="how many (50)")
    resend = action(outbox, "redrive", queues.outbox_redrive, "send the rows that wait, without waiting for the schedule")
    resend.add_argument("--older-than", type=int, default=0, metavar="SECONDS", help="only rows at least so old (0)")

    tale = groups.add_parser("trace", help="the story of a request or booking, in order of time", description=tracing.__doc__)
    tale.set_defaults(work=tracing.trace)
    tale.add_argument("what", metavar="REQUEST|BOOKING", help="the requestId of an answer, the origin of a log line or a booking's id")
    tale.add_argument("--days", type=positive, default=7, help="how far back the logs are searched (7)")

    trial = groups.add_parser("smoke", help="prove that the stack serves", description=smoke.__doc__)
    trial.set_defaults(work=smoke.smoke)
    trial.add_argument("--candidate", required=True, help="user id of the test candidate")
    trial.add_argument("--interviewer", required=True, help="user id of the test interviewer")
    trial.add_argument("--version", help="the git SHA that /health must report")
    return top


def positive(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("a whole number from 1")
    return int(text)


def main():
    options = parser().parse_args()
    try:
        options.work(Stack(options.stack), options)
    except Refused as refusal:
        sys.exit(f"ops: {refusal}")
    except ClientError as error:
        about = error.response["Error"]
        sys.exit(f"ops: {error.operation_name} was refused: {about.get('Code')}: {about.get('Message')}")
    except BotoCoreError as error:
        sys.exit(f"ops: {error}")
    except KeyboardInterrupt:
        say("stopped")
        sys.exit(130)


if __name__ == "__main__":
    main()
