"""Puts together what is known of one request or booking, in order of time. Nothing here asks AWS, so that it can be tried by itself."""

import json
import re

BOOKING = re.compile(r"bkg_[0-9A-Za-z]{26}")
INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")
# What of a log line's fields is said elsewhere in its entry, or of use to nobody who reads a story.
SPARE = {"timestamp", "time", "target", "request.id"}
# The longest thing that can stand between two slashes of a query, and the shortest that is worth looking for.
ID = re.compile(r"[A-Za-z0-9_=:.+/-]{8,200}")


def pattern(ids):
    """The ids as one regular expression of a query over log lines."""
    return "|".join(re.escape(one).replace("/", r"\/") for one in sorted(ids))


def instant(text):
    """Whatever sorts as the instants do: their fractions have no fixed length."""
    found = INSTANT.fullmatch(text)
    return (found[1], (found[2] or "").ljust(9, "0")) if found else ("", "")


def parsed(texts):
    """Log lines as objects, each once; what is no JSON object was not written by our functions."""
    lines = []
    for text in dict.fromkeys(texts):
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and "_aws" not in line:
            lines.append(line)
    return lines


def each_once(*parts):
    """Lines of several queries, those that came by more than one of them once."""
    return parsed(json.dumps(line) for part in parts for line in part)


def origins(lines):
    return {line["origin"] for line in lines if isinstance(line.get("origin"), str)}


def bookings(lines):
    return set(BOOKING.findall(" ".join(map(json.dumps, lines))))


def named(lines, field):
    return {line[field] for line in lines if isinstance(line.get(field), str)}


def concerning(lines, booking):
    """Lines but those of other bookings alone: one run of a schedule deals with many."""
    return [line for line in lines if bookings([line]) <= {booking} or booking in bookings([line])]


def of_lines(lines):
    for line in lines:
        at = line.get("timestamp") or line.get("time") or ""
        said = line.get("message") or line.get("type")
        rest = {name: value for name, value in line.items() if name not in SPARE | {"message", "type", "level"}}
        yield {"at": at, "what": "log", "level": line.get("level"), "message": said, **rest}


def of_gateway(lines):
    """What the gateway noted of a request: all but where it came from, which is personal."""
    for at, line in lines:
        yield {"at": at, "what": "gateway", **{name: value for name, value in line.items() if name != "ip"}}


def of_outbox(rows):
    for row in rows:
        relayed = {"relayed": "gsi1pk" not in row}
        yield {"at": row["createdAt"], "what": "outbox", **{name: row.get(name) for name in ("outboxId", "queue", "origin")}, **relayed}


def of_transfers(transfers):
    for transfer in transfers:
        shown = ("transferId", "kind", "asset", "amount", "from", "to")
        yield {"at": transfer["createdAt"], "what": "transfer", **{name: transfer.get(name) for name in shown}}


def of_events(events):
    for event in events:
        yield {"at": event["receivedAt"], "what": "event", **{name: event.get(name) for name in ("provider", "kind", "origin")}}


def of_booking(items):
    """Each time that is noted at a booking, of itself, its call, who was there, its files; never what is said in them, nor
    what people write as a reason."""
    for item in items:
        if item["sk"] == "LEASE":
            continue
        whose = {"party": item["party"]} if "party" in item else {}
        for name, value in item.items():
            if name.endswith("At") and is_instant(value):
                yield {"at": value, "what": "booking", "item": item["sk"], "fact": name, **whose}
            # How it was cancelled, objected to or settled has its time within.
            if isinstance(value, dict):
                times = [at for member, at in value.items() if (member == "at" or member.endswith("At")) and is_instant(at)]
                about = {member: value[member] for member in ("by", "code", "outcome") if isinstance(value.get(member), str)}
                if isinstance(value.get("outcome"), str) and isinstance(value.get("reason"), str):
                    about["why"] = value["reason"]
                for at in times:
                    yield {"at": at, "what": "booking", "item": item["sk"], "fact": name, **about, **whose}


def is_instant(value):
    return isinstance(value, str) and INSTANT.fullmatch(value) is not None


def told(*chapters):
    """All entries in order of time, without members that say nothing."""
    entries = [entry for chapter in chapters for entry in chapter]
    entries.sort(key=lambda entry: instant(entry["at"]))
    return [{name: value for name, value in entry.items() if value is not None} for entry in entries]
