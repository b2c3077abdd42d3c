use super::*;

const OURS: &str = "bkg_01KAFMC0800000000000000000";
const OTHER: &str = "bkg_01KAFMC0800000000000000001";

fn line(at: &str, message: &str, fields: Value) -> Line {
    let mut line = json!({ "timestamp": format!("2026-11-20T10:00:{at}Z"), "level": "INFO", "message": message,
        "target": "kit" });
    line.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    line.as_object().unwrap().clone()
}

fn seconds(entry: &Value) -> &str {
    &entry["at"].as_str().unwrap()[17..]
}

#[test]
fn all_sources_are_told_in_order_of_time() {
    let id = format!("create_call:{OURS}");
    let lines = vec![
        line("03.5", "message received", json!({ "outbox.id": id, "origin": "request-1" })),
        line("01.25", "request answered", json!({ "request.id": "request-1", "origin": "request-1" })),
    ];
    let row = Row {
        outbox_id: id.clone(),
        queue: "stream".into(),
        message: "personal".into(),
        created_at: "2026-11-20T10:00:01Z".parse().unwrap(),
        origin: Some("request-1".into()),
    };
    let hold = json!({ "transferId": format!("hold:{OURS}"), "kind": "HOLD", "asset": "CREDIT", "amount": 20,
        "createdAt": "2026-11-20T10:00:01Z", "note": "personal" });
    let event = json!({ "provider": "stream", "kind": "call.ended", "receivedAt": "2026-11-20T10:59:00.001Z" });
    let items = [
        json!({ "sk": "BOOKING", "status": "COMPLETED", "createdAt": "2026-11-20T10:00:01Z",
            "completedAt": "2026-11-20T11:00:00Z" }),
        json!({ "sk": "FEEDBACK", "summary": "personal", "writtenAt": "not a time" }),
        json!({ "sk": "LEASE", "expiresAt": "2026-11-20T10:00:00Z" }),
    ];
    let story = told([
        of_lines(lines),
        of_outbox(vec![(row, true)]),
        of_transfers(&[hold]),
        of_events(&[event]),
        of_booking(&items),
    ]);
    let order: Vec<(&str, &str)> =
        story.iter().map(|entry| (entry["what"].as_str().unwrap(), seconds(entry))).collect();
    let wanted = [
        ("outbox", "01Z"),
        ("transfer", "01Z"),
        ("booking", "01Z"),
        ("log", "01.25Z"),
        ("log", "03.5Z"),
        ("event", "00.001Z"),
        ("booking", "00Z"),
    ];
    assert_eq!(order, wanted);
    let first = json!({ "at": "2026-11-20T10:00:01Z", "what": "outbox", "outboxId": id, "queue": "stream",
        "origin": "request-1", "relayed": true });
    assert_eq!(story[0], first);
    assert_eq!((&story[3]["message"], &story[3]["level"]), (&json!("request answered"), &json!("INFO")));
    assert!(!json!(story).to_string().contains("personal"), "{story:?}");
}

#[test]
fn how_a_booking_was_cancelled_and_settled_is_told_and_not_in_whose_words() {
    let item = json!({ "sk": "BOOKING", "createdAt": "2026-11-20T09:00:00Z", "status": "CANCELLED",
        "cancellation": { "at": "2026-11-20T10:00:00Z", "by": "INTERVIEWEE", "code": "DID_NOT_TAKE_PLACE",
            "reason": "personal" },
        "settlement": { "settledAt": "2026-11-20T10:00:00Z", "outcome": "RELEASED", "reason": "did_not_take_place" } });
    let story = told([of_booking(&[item])]);
    let made = json!({ "at": "2026-11-20T09:00:00Z", "what": "booking", "item": "BOOKING", "fact": "createdAt" });
    assert_eq!(story[0], made);
    let cancelled = &story[1];
    assert_eq!(
        (&cancelled["fact"], &cancelled["by"], &cancelled["code"]),
        (&json!("cancellation"), &json!("INTERVIEWEE"), &json!("DID_NOT_TAKE_PLACE"))
    );
    assert_eq!((&story[2]["outcome"], &story[2]["why"]), (&json!("RELEASED"), &json!("did_not_take_place")));
    assert!(!json!(story).to_string().contains("personal"), "{story:?}");
}

#[test]
fn a_run_that_dealt_with_many_bookings_is_told_of_ours_alone() {
    let run = "0f3c-run";
    let lines = vec![
        line("01", "booking settled", json!({ "origin": run, "booking.id": OURS })),
        line("02", "booking settled", json!({ "origin": run, "booking.id": OTHER })),
        line("03", "sweep ended", json!({ "origin": run, "settled": 2 })),
    ];
    assert_eq!(origins(&lines), BTreeSet::from([run.to_owned()]));
    assert_eq!(bookings(&lines), [OURS, OTHER].map(|id| id.parse().unwrap()).into());
    let ours = concerning(lines, OURS.parse().unwrap());
    let times: Vec<&str> = ours.iter().map(|line| &line["timestamp"].as_str().unwrap()[17..]).collect();
    assert_eq!(times, ["01Z", "03Z"]);
}

#[test]
fn lines_are_read_once_and_what_is_not_ours_is_passed_over() {
    let ours = json!(line("01", "a", json!({})));
    let metric = json!({ "_aws": {}, "WebhookRefused": 1 });
    let texts = [ours.to_string(), "START RequestId: 1".into(), ours.to_string(), "[1]".into(), metric.to_string()];
    let lines = parsed(texts);
    assert_eq!(lines.len(), 1);
    assert_eq!(each_once([lines.clone(), lines]).len(), 1);
}

#[test]
fn an_id_is_looked_for_as_it_is_spelled() {
    let ids = ["a.b-c", "JKJaXmPL/cESHA="].map(str::to_owned).into();
    assert_eq!(pattern(&ids), r"JKJaXmPL\/cESHA=|a\.b\-c");
    for odd in ["short", "a|b|c|d|e|f", &"x".repeat(201), "abcdefgh\n", "abcdefgh/i /"] {
        assert!(!is_id(odd), "{odd}");
    }
    assert!(is_id(OURS) && is_id("JKJaXmPL/cESHA="));
}

#[test]
fn where_a_request_came_from_is_not_told() {
    let noted = json!({ "requestId": "r", "ip": "203.0.113.7", "status": "500" }).as_object().unwrap().clone();
    let story = told([of_gateway(vec![("2026-11-20T10:00:00.000Z".to_owned(), noted)])]);
    let wanted = json!({ "at": "2026-11-20T10:00:00.000Z", "what": "gateway", "requestId": "r", "status": "500" });
    assert_eq!(story, [wanted]);
}
