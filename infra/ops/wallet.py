"""A person's balances, recomputed from their transaction lines. Nothing here changes a balance."""

import collections
import json

from stack import Refused, show

BALANCES = ("available", "held", "earned")
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
    """Runs the schedule that checks everybody, as often as it takes to come to the end."""
    function, checked, drifted = stack.function("ReconcileLedgerFunction"), 0, 0
    while True:
        answer = stack.client("lambda").invoke(FunctionName=function, Payload=b"{}")
        payload = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise Refused(f"the reconciler failed, its log says why: {payload}")
        checked, drifted = checked + payload["checked"], drifted + payload["drifted"]
        if payload["complete"]:
            break
    show({"checked": checked, "drifted": drifted})
    if drifted:
        raise Refused("balances drift; the function's log names the users: infra/RUNBOOK.md, LedgerDriftAlarm")
