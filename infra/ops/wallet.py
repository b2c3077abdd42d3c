"""A person's balances, recomputed from their transaction lines. Nothing here changes a balance."""

import collections
import json
import time

from stack import Refused, say, show

BALANCES = ("available", "held", "earned", "owed", "payout")
ATTEMPTS = 5


def wallets(stack, user):
    return {item["asset"]: item for item in stack.query(pk=f"USER#{user}", sk=("WALLET#",))}


def versions(found):
    return {asset: wallet["version"] for asset, wallet in found.items()}


def read(stack, user):
    """Wallets and lines of one moment: no transfer came between the reads, or everything is read again."""
    for _ in range(ATTEMPTS):
        before = wallets(stack, user)
        lines = list(stack.query(pk=f"USER#{user}", sk=("TX#",)))
        after = wallets(stack, user)
        if versions(before) == versions(after):
            return after, lines
    raise Refused("their balances change faster than they can be read: try again")


def wallet_check(stack, options):
    if stack.item(f"USER#{options.user}", "PROFILE") is None:
        raise Refused(f"there is no user {options.user}: give the full id")
    stored, lines = read(stack, options.user)
    sums = collections.defaultdict(lambda: dict.fromkeys(BALANCES, 0))
    for line in lines:
        sums[line["asset"]][line["balance"]] += line["amount"]
    report, drifted = {}, False
    for asset in sorted({*stored, *sums}):
        kept = {name: stored.get(asset, {}).get(name, 0) for name in BALANCES}
        drift = {name: kept[name] - sums[asset][name] for name in BALANCES if kept[name] != sums[asset][name]}
        report[asset] = {"stored": kept, "fromLines": dict(sums[asset]), "drift": drift}
        drifted = drifted or bool(drift)
    show({"userId": options.user, "lines": len(lines), "assets": report, "drift": drifted})
    if drifted:
        raise Refused("the stored balances are not the sums of the lines: infra/RUNBOOK.md, LedgerDriftAlarm")


def wallet_reconcile(stack, options):
    """Begins a new round over the whole ledger and goes on with it until it is complete."""
    function, event, began = stack.function("ReconcileLedgerFunction"), {"newRound": True}, None
    while True:
        answer = stack.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        round = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise Refused(f"the reconciler failed, its log says why, and the schedule goes on where it stopped: {round}")
        if round["complete"]:
            break
        if round["beganAt"] != began:
            began = round["beganAt"]
            say(f"the round of {began} is under way")
        # Where the schedule runs at the same time one of the two stops; this one does not hurry.
        time.sleep(1)
        event = {}
    show(round)
    if round["drifted"] or round["unreadable"]:
        raise Refused("the ledger does not fit; the function's log names what: infra/RUNBOOK.md, LedgerDriftAlarm and LedgerUnreadableAlarm")
