"""Tries `story.py` by itself: python3 infra/ops/story_test.py."""

import json
import unittest

import story

OURS, OTHER = "bkg_01KAFMC0800000000000000000", "bkg_01KAFMC0800000000000000001"


def line(at, message, **fields):
    return {"timestamp": f"2026-11-20T10:00:{at}Z", "level": "INFO", "message": message, "target": "kit", **fields}


class Story(unittest.TestCase):
    def test_all_sources_are_told_in_order_of_time(self):
        lines = [
            line("03.5", "message received", **{"outbox.id": f"create_call:{OURS}", "origin": "request-1"}),
            line("01.25", "request answered", **{"request.id": "request-1", "origin": "request-1", "http.status": 201}),
        ]
        row = {"outboxId": f"create_call:{OURS}", "queue": "stream", "createdAt": "2026-11-20T10:00:01Z", "origin": "request-1", "message": "{}"}
        hold = {"transferId": f"hold:{OURS}", "kind": "HOLD", "asset": "CREDIT", "amount": 20, "createdAt": "2026-11-20T10:00:01Z", "note": "n"}
        event = {"provider": "stream", "kind": "call.ended", "receivedAt": "2026-11-20T10:59:00.001Z"}
        items = [
            {"sk": "BOOKING", "status": "COMPLETED", "createdAt": "2026-11-20T10:00:01Z", "completedAt": "2026-11-20T11:00:00Z"},
            {"sk": "FEEDBACK", "summary": "personal", "writtenAt": "not a time"},
            {"sk": "LEASE", "expiresAt": "2026-11-20T10:00:00Z"},
        ]
        told = story.told(
            story.of_lines(lines), story.of_outbox([row]), story.of_transfers([hold]), story.of_events([event]), story.of_booking(items)
        )
        self.assertEqual(
            [(entry["what"], entry["at"][17:]) for entry in told],
            [
                ("outbox", "01Z"),
                ("transfer", "01Z"),
                ("booking", "01Z"),
                ("log", "01.25Z"),
                ("log", "03.5Z"),
                ("event", "00.001Z"),
                ("booking", "00Z"),
            ],
        )
        self.assertEqual(told[0], {"at": row["createdAt"], "what": "outbox", "outboxId": row["outboxId"], "queue": "stream", "origin": "request-1", "relayed": True})
        self.assertEqual(told[3]["message"], "request answered")
        self.assertNotIn("personal", json.dumps(told))
        self.assertNotIn("note", told[1])

    def test_how_a_booking_was_cancelled_and_settled_is_told_and_not_in_whose_words(self):
        cancellation = {"at": "2026-11-20T10:00:00Z", "by": "INTERVIEWEE", "code": "DID_NOT_TAKE_PLACE", "reason": "personal"}
        settlement = {"settledAt": "2026-11-20T10:00:00Z", "outcome": "RELEASED", "reason": "did_not_take_place"}
        item = {"sk": "BOOKING", "createdAt": "2026-11-20T09:00:00Z", "status": "CANCELLED", "cancellation": cancellation, "settlement": settlement}
        made, cancelled, settled = story.told(story.of_booking([item]))
        self.assertEqual(made, {"at": item["createdAt"], "what": "booking", "item": "BOOKING", "fact": "createdAt"})
        self.assertEqual((cancelled["fact"], cancelled["by"], cancelled["code"]), ("cancellation", "INTERVIEWEE", "DID_NOT_TAKE_PLACE"))
        self.assertEqual((settled["outcome"], settled["why"]), ("RELEASED", "did_not_take_place"))
        self.assertNotIn("personal", json.dumps([made, cancelled, settled]))

    def test_a_run_that_dealt_with_many_bookings_is_told_of_ours_alone(self):
        run = "0f3c-run"
        lines = [
            line("01", "booking settled", origin=run, **{"booking.id": OURS}),
            line("02", "booking settled", origin=run, **{"booking.id": OTHER}),
            line("03", "sweep ended", origin=run, settled=2),
        ]
        self.assertEqual([one["timestamp"][17:] for one in story.concerning(lines, OURS)], ["01Z", "03Z"])
        self.assertEqual(story.origins(lines), {run})
        self.assertEqual(story.bookings(lines), {OURS, OTHER})

    def test_lines_are_read_once_and_what_is_not_ours_is_passed_over(self):
        ours = json.dumps(line("01", "a"))
        metric = json.dumps({"_aws": {}, "WebhookRefused": 1})
        self.assertEqual(len(story.parsed([ours, "START RequestId: 1", ours, "[1]", metric])), 1)

    def test_an_id_is_looked_for_as_it_is_spelled(self):
        self.assertEqual(story.pattern(["JKJaXmPL/cESHA=", "a.b-c"]), r"JKJaXmPL\/cESHA=|a\.b\-c")
        for odd in ["short", "a|b|c|d|e|f", "x" * 201, "abcdefgh\n", "abcdefgh/i /"]:
            self.assertFalse(story.ID.fullmatch(odd), odd)

    def test_where_a_request_came_from_is_not_told(self):
        told = list(story.of_gateway([("2026-11-20T10:00:00.000Z", {"requestId": "r", "ip": "203.0.113.7", "status": "500"})]))
        self.assertEqual(told, [{"at": "2026-11-20T10:00:00.000Z", "what": "gateway", "requestId": "r", "status": "500"}])


if __name__ == "__main__":
    unittest.main()
