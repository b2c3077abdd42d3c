use std::collections::BTreeMap;

use super::*;
use proptest::prelude::*;

fn at(minute: i64) -> Timestamp {
    "2026-11-20T10:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
}

fn visit(party: Party, from: i64, to: i64) -> Visit {
    Visit::new("s1", party, Some(at(from)), Some(at(to)))
}

fn finding(visits: Vec<Visit>) -> Finding {
    Attendance { visits, sessions: Vec::new() }.finding(at(0), at(60))
}

#[test]
fn each_row_of_the_table_is_found() {
    use Party::{Interviewee as C, Interviewer as I};
    for (visits, expected, why) in [
        (vec![visit(C, 0, 60), visit(I, 0, 60)], Finding::Held, "a full session"),
        (vec![visit(C, 0, 5), visit(I, 0, 60)], Finding::Held, "exactly five minutes together"),
        (vec![visit(C, 0, 3), visit(I, 0, 60), visit(C, 30, 32)], Finding::Held, "five minutes in two stays"),
        (vec![visit(C, 0, 30)], Finding::InterviewerNoShow, "only the candidate"),
        (vec![visit(C, 0, 30), visit(I, 0, 4)], Finding::InterviewerNoShow, "the interviewer for four minutes"),
        (vec![visit(I, 0, 10)], Finding::CandidateNoShow, "the interviewer waited ten minutes"),
        (vec![visit(I, -15, 9)], Finding::Unclear, "waiting before the start does not count"),
        (vec![visit(C, 0, 4), visit(I, 0, 60)], Finding::Unclear, "together for four minutes"),
        (vec![visit(C, 0, 20), visit(I, 20, 60)], Finding::Unclear, "one after the other"),
        (vec![], Finding::Unclear, "nobody"),
    ] {
        assert_eq!(finding(visits), expected, "{why}");
    }
}

#[test]
fn one_party_twice_at_the_same_time_counts_once() {
    use Party::{Interviewee as C, Interviewer as I};
    assert_eq!(finding(vec![visit(C, 0, 3), visit(C, 0, 3), visit(I, 0, 60)]), Finding::Unclear);
}

#[test]
fn nobody_gains_by_looking_in_outside_the_booked_time() {
    use Party::{Interviewee as C, Interviewer as I};
    for (visits, expected, who) in [
        (vec![visit(C, 0, 60), visit(I, 61, 75)], Finding::InterviewerNoShow, "an interviewer who comes too late"),
        (vec![visit(C, 0, 60), visit(I, -9, -1)], Finding::InterviewerNoShow, "an interviewer who leaves too early"),
        (vec![visit(I, 0, 60), visit(C, 61, 62)], Finding::CandidateNoShow, "a candidate who comes too late"),
        (vec![visit(I, 0, 60), visit(C, -9, -1)], Finding::CandidateNoShow, "a candidate who leaves too early"),
        (vec![visit(I, 61, 75)], Finding::Unclear, "an interviewer who comes when nobody expects it"),
        (vec![visit(C, 61, 62)], Finding::Unclear, "a candidate who wants it to look as if they had waited"),
        (vec![visit(C, 0, 30), visit(I, 65, 80), visit(C, 70, 75)], Finding::Held, "they met after all"),
    ] {
        assert_eq!(finding(visits), expected, "{who}");
    }
}

#[test]
fn time_together_adds_up_over_sessions_of_the_call() {
    use Party::{Interviewee as C, Interviewer as I};
    let second = |party, from, to| Visit { session_id: "s2".into(), ..visit(party, from, to) };
    let both = vec![visit(C, 0, 3), visit(I, 0, 3), second(C, 20, 22), second(I, 20, 22)];
    assert_eq!(finding(both), Finding::Held, "three minutes and two");
    // In two sessions at once, say with two devices, a minute is still a minute.
    let twice = vec![visit(C, 0, 3), visit(I, 0, 60), second(C, 0, 3), second(I, 0, 60)];
    assert_eq!(finding(twice), Finding::Unclear);
}

#[test]
fn a_stay_without_an_end_lasts_until_its_session_ended() {
    let open = |party| Visit { left_at: None, ..visit(party, 0, 0) };
    let mut attendance = Attendance {
        visits: vec![open(Party::Interviewee), open(Party::Interviewer)],
        sessions: vec![CallSession { session_id: "s1".into(), started_at: Some(at(0)), ended_at: None }],
    };
    assert_eq!(attendance.finding(at(0), at(60)), Finding::Unclear);
    attendance.sessions[0].ended_at = Some(at(40));
    assert_eq!(attendance.finding(at(0), at(60)), Finding::Held);
}

#[test]
fn who_is_still_in_the_call_is_not_taken_for_absent() {
    use Party::{Interviewee as C, Interviewer as I};
    let open = |party, from| Visit { left_at: None, ..visit(party, from, from) };
    assert_eq!(finding(vec![open(I, 0), open(C, 1)]), Finding::Unclear, "both are still there");
    assert_eq!(finding(vec![visit(C, 0, 60), open(I, 60)]), Finding::Unclear, "the interviewer may stay for long");
    assert_eq!(finding(vec![open(I, 0), open(C, 12)]), Finding::Unclear, "the candidate did come");
    let late_join = Visit { joined_at: None, ..visit(I, 0, 40) };
    assert_eq!(finding(vec![visit(C, 0, 60), late_join]), Finding::Unclear, "the join is not known yet");
}

fn told(party: Party, connection: &str, joined: Option<i64>, left: Option<i64>) -> Told {
    let (joined_at, left_at) = (joined.map(at), left.map(at));
    let (session_id, connection) = ("s1".into(), connection.into());
    Told { session_id, party, connection, joined_at, left_at, duration_seconds: None }
}

fn together(facts: &[Told]) -> i64 {
    let attendance = Attendance::of(facts, &[]);
    let [a, b] = [Party::Interviewee, Party::Interviewer].map(|party| attendance.presence(party, Reading::Likely));
    total(&intersect(&a, &b)).as_mins()
}

#[test]
fn who_comes_back_under_the_same_id_has_two_stays_in_whatever_order_they_are_told() {
    use Party::{Interviewee as C, Interviewer as I};
    let facts = [
        told(I, "one", Some(0), None),
        told(I, "one", None, Some(20)),
        told(I, "one", Some(21), None),
        // The event of the second leave may name the second join or the first.
        told(I, "one", Some(0), Some(22)),
        told(C, "one", Some(0), Some(29)),
    ];
    let mut order = facts.to_vec();
    for turn in 0..facts.len() {
        order.rotate_left(1);
        assert_eq!(together(&order), 21, "in turn {turn}");
        order.extend_from_slice(&facts[..turn]);
        assert_eq!(together(&order), 21, "told again in turn {turn}");
        order.truncate(facts.len());
        order.reverse();
    }
    let pulled =
        [told(I, "one", Some(0), Some(20)), told(I, "one", Some(21), Some(22)), told(C, "one", Some(0), Some(29))];
    assert_eq!(together(&pulled), 21, "the list of stays alone");
    assert_eq!(together(&[&facts[..], &pulled].concat()), 21, "the list beside the events");
}

#[test]
fn who_has_come_back_and_is_still_there_is_not_gone() {
    let facts = |more: Option<i64>| {
        let mut facts =
            vec![told(Party::Interviewer, "one", Some(0), Some(3)), told(Party::Interviewer, "one", Some(10), None)];
        facts.extend(more.map(|left| told(Party::Interviewer, "one", None, Some(left))));
        Attendance::of(&facts, &[])
    };
    assert!(facts(None).is_open(Party::Interviewer));
    assert!(!facts(Some(12)).is_open(Party::Interviewer));
    let ended = CallSession { session_id: "s1".into(), started_at: None, ended_at: Some(at(30)) };
    let told = [told(Party::Interviewer, "one", Some(10), None)];
    assert!(!Attendance::of(&told, &[ended]).is_open(Party::Interviewer));
}

#[test]
fn a_leave_whose_join_was_lost_is_as_long_as_its_duration_says() {
    let leave = |duration_seconds, left| Told { duration_seconds, ..told(Party::Interviewer, "one", None, Some(left)) };
    let stay =
        |facts: &[Told]| Attendance::of(facts, &[]).visits.iter().map(|v| (v.joined_at, v.left_at)).collect::<Vec<_>>();
    assert_eq!(stay(&[leave(Some(600), 12)]), [(Some(at(2)), Some(at(12)))]);
    assert_eq!(stay(&[leave(None, 12)]), [(None, Some(at(12)))]);
    let before = told(Party::Interviewer, "one", Some(0), Some(5));
    assert_eq!(stay(&[leave(Some(600), 12), before]), [(Some(at(0)), Some(at(5))), (Some(at(5)), Some(at(12)))]);
}

fn at_second(second: i64) -> Timestamp {
    at(0) + SignedDuration::from_secs(second)
}

/// From and to in minutes, as far as known.
fn stays_of(facts: &[Told]) -> Vec<(Option<i64>, Option<i64>)> {
    let minute = |at: Timestamp| at.duration_since(self::at(0)).as_mins();
    let visits = Attendance::of(facts, &[]).visits;
    visits.into_iter().map(|v| (v.joined_at.map(minute), v.left_at.map(minute))).collect()
}

fn lasted(duration_seconds: u64, fact: Told) -> Told {
    Told { duration_seconds: Some(duration_seconds), ..fact }
}

#[test]
fn where_a_leave_between_two_joins_was_lost_the_later_duration_tells() {
    use Party::Interviewer as I;
    let joins = [told(I, "one", Some(0), None), told(I, "one", Some(50), None)];
    let with = |leave: Told| [&joins[..], &[leave]].concat();
    let ended = with(lasted(120, told(I, "one", None, Some(52))));
    assert_eq!(stays_of(&ended), [(Some(0), None), (Some(50), Some(52))]);
    let listed = with(told(I, "one", Some(50), Some(52)));
    assert_eq!(stays_of(&listed), [(Some(0), None), (Some(50), Some(52))], "the list names the join");
    let whole = with(lasted(52 * 60, told(I, "one", None, Some(52))));
    assert_eq!(stays_of(&whole), [(Some(0), Some(52))], "the join was told twice");
    let silent = with(told(I, "one", None, Some(52)));
    assert_eq!(stays_of(&silent), [(Some(0), Some(52))], "nothing tells");
    // What the lost leave would say can still come, so it is not certain how long they were together.
    let candidate = told(Party::Interviewee, "c", Some(0), Some(45));
    for (facts, finding) in [(&ended, Finding::Unclear), (&silent, Finding::Held), (&whole, Finding::Held)] {
        let attendance = Attendance::of(&[&facts[..], std::slice::from_ref(&candidate)].concat(), &[]);
        let ruling = |stream| attendance.ruling((at(0), at(60)), stream);
        assert_eq!(ruling(Stream::Answered), Some(finding));
        assert_eq!(ruling(Stream::Unasked), (facts == &whole).then_some(finding));
    }
}

#[test]
fn the_second_telling_of_a_leave_does_not_end_the_stay_that_began_between() {
    let second = |joined: Option<i64>, left: Option<i64>, duration_seconds| Told {
        joined_at: joined.map(at_second),
        left_at: left.map(at_second),
        duration_seconds,
        ..told(Party::Interviewer, "one", None, None)
    };
    let seen = |leave: Told, again: Told| {
        let facts =
            [second(Some(0), None, None), leave, second(Some(1202), None, None), again, second(None, Some(1800), None)];
        let visits = Attendance::of(&facts, &[]).visits;
        let place = |at: Timestamp| at.duration_since(self::at(0)).as_secs();
        visits.into_iter().map(|v| (v.joined_at.map(place), v.left_at.map(place))).collect::<Vec<_>>()
    };
    let two = [(Some(0), Some(1200)), (Some(1202), Some(1800))];
    let event = |left, duration| second(None, Some(left), Some(duration));
    let listed = |joined, left| second(Some(joined), Some(left), None);
    assert_eq!(seen(event(1200, 1200), listed(0, 1204)), two, "the event first");
    assert_eq!(seen(listed(0, 1200), event(1204, 1204)), two, "the list first");
    assert_eq!(seen(event(1200, 1200), second(None, Some(1204), None)), two, "nobody leaves twice so soon");
    // But for who does.
    let three = [(Some(0), Some(1200)), (Some(1202), Some(1204)), (None, Some(1800))];
    assert_eq!(seen(event(1200, 1200), event(1204, 2)), three);
    assert_eq!(seen(event(1200, 1200), listed(1202, 1204)), three);
}

#[test]
fn only_what_no_missing_end_can_change_is_certain() {
    use Party::{Interviewee as C, Interviewer as I};
    let open = |party, from| Visit { left_at: None, ..visit(party, from, from) };
    let ruling = |visits: Vec<Visit>, ended: Option<i64>| {
        let session = CallSession { session_id: "s1".into(), started_at: None, ended_at: ended.map(at) };
        Attendance { visits, sessions: vec![session] }.ruling((at(0), at(60)), Stream::Unasked)
    };
    for (visits, ended, expected, why) in [
        (
            vec![visit(C, 0, 60), visit(I, 0, 60), open(I, 60)],
            None,
            Some(Finding::Held),
            "five minutes are behind them",
        ),
        (vec![open(C, 0), open(I, 0)], Some(50), None, "one of them may have left early"),
        (vec![visit(C, 0, 4), visit(I, 0, 3), open(I, 10)], None, None, "the interviewer may stay for long"),
        (vec![visit(C, 0, 30), open(I, 0)], Some(4), Some(Finding::InterviewerNoShow), "it ended after four minutes"),
        (vec![visit(I, 0, 20), open(C, 61)], Some(62), Some(Finding::CandidateNoShow), "they came too late"),
        (vec![visit(I, 0, 20), open(C, 30)], None, None, "what else the candidate did is still to be told"),
        (vec![open(I, 0)], None, None, "they may have left, or wait"),
        (vec![], None, Some(Finding::Unclear), "nobody"),
    ] {
        assert_eq!(ruling(visits, ended), expected, "{why}");
    }
}

/// One stay as it was lived, and how it is told. All times are seconds.
#[derive(Debug, Clone)]
struct Lived {
    candidate: bool,
    session: usize,
    connection: usize,
    /// Since the connection left before; 0 is at once.
    gap: i64,
    length: i64,
    /// By events, by the list, or by both.
    manner: usize,
    /// How the list's clock differs where both tell.
    skews: (i64, i64),
    /// The event of the join, or the one of the leave, is lost.
    lost: usize,
    /// The event of the leave names this connection's first join, its own, or none.
    names: usize,
}

fn lived() -> impl Strategy<Value = Lived> {
    let place = (proptest::bool::ANY, 0usize..3, 0usize..2);
    let length = prop_oneof![12i64..90, 90i64..1500];
    (place, prop_oneof![0i64..9, 9i64..600], length, 0usize..3, (-2i64..=2, -2i64..=2), 0usize..5, 0usize..3).prop_map(
        |((candidate, session, connection), gap, length, manner, skews, lost, names)| Lived {
            candidate,
            session,
            connection,
            gap,
            length,
            manner,
            skews,
            lost,
            names,
        },
    )
}

/// What is told of these stays, which seconds each party was there for as far as that can be known, and by how many seconds a
/// telling may be off.
fn tell(lived: &[Lived]) -> (Vec<Told>, [Vec<bool>; 2], i64) {
    let (mut clock, mut first) = (BTreeMap::new(), BTreeMap::new());
    let mut there = [vec![false; 40_000], vec![false; 40_000]];
    let (mut facts, mut off) = (Vec::new(), 0);
    for (place, stay) in lived.iter().enumerate() {
        let key = (stay.candidate, stay.session, stay.connection);
        let from = clock.get(&key).copied().unwrap_or(0) + stay.gap;
        let to = from + stay.length;
        clock.insert(key, to);
        let first = *first.entry(key).or_insert(from);
        let party = if stay.candidate { Party::Interviewee } else { Party::Interviewer };
        let fact = |joined: Option<i64>, left: Option<i64>, duration_seconds: Option<i64>| Told {
            session_id: format!("s{}", stay.session),
            // Browsers make these, so that both parties may have the same.
            connection: ["one", "two"][stay.connection].into(),
            party,
            joined_at: joined.map(at_second),
            left_at: left.map(at_second),
            duration_seconds: duration_seconds.map(|seconds| u64::try_from(seconds).unwrap()),
        };
        let by_events = stay.manner != 1;
        // A join may be lost, since the duration tells it. A leave may be lost before a rejoin that is told, where the event
        // of the next leave has its duration: then nothing tells how long this stay was, and it counts for nothing.
        let next = lived[place + 1..].iter().find(|s| (s.candidate, s.session, s.connection) == key);
        let next_tells = next.is_some_and(|n| n.manner == 0 && n.lost > 1 && n.gap > 9);
        let loses_join = by_events && stay.lost == 0;
        let loses_leave = stay.manner == 0 && stay.lost == 1 && next_tells;
        if by_events {
            let named = [Some(first), Some(from), None][stay.names];
            let leave = fact(named, Some(to), Some(stay.length));
            facts.extend((!loses_join).then(|| fact(Some(from), None, None)));
            facts.extend((!loses_leave).then_some(leave));
        }
        if stay.manner > 0 {
            let skews = if stay.manner == 2 { stay.skews } else { (0, 0) };
            facts.push(fact(Some(from + skews.0), Some(to + skews.1), None));
            off += skews.0.abs() + skews.1.abs();
        }
        if !loses_leave {
            let seconds = usize::try_from(from).unwrap()..usize::try_from(to).unwrap();
            there[usize::from(stay.candidate)][seconds].fill(true);
        }
    }
    (facts, there, off)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(365))]

    /// A year of days. People come and go under shared ids in up to three sessions, to the second, and every day is told by
    /// events, by the list, or by both, in any order and number. Seconds together are counted independently, one by one.
    ///
    /// Its bounds: a stay lasts twelve seconds or more; where event and list tell the same they are at most two seconds
    /// apart at each end, by which the sum may be off; events know their duration to the second. Of events, a join may be
    /// lost, as the duration tells it; a leave only where the rejoin is told and the next leave has its duration, and that stay
    /// then counts for nothing. What was told by nobody is not found.
    #[test]
    fn minutes_together_are_what_was_lived_through_however_it_is_told(
        lived in proptest::collection::vec(lived(), 1..24),
        repeated in proptest::collection::vec(proptest::num::usize::ANY, 0..20),
        seed in 0u64..u64::MAX,
    ) {
        let (mut facts, there, off) = tell(&lived);
        for place in repeated.into_iter().filter(|_| !facts.is_empty()).collect::<Vec<_>>() {
            facts.push(facts[place % facts.len()].clone());
        }
        let mut state = seed;
        for n in (1..facts.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            facts.swap(n, usize::try_from(state >> 33).unwrap() % (n + 1));
        }
        let counted = there[0].iter().zip(&there[1]).filter(|(a, b)| **a && **b).count();
        let attendance = Attendance::of(&facts, &[]);
        let [a, b] = [Party::Interviewee, Party::Interviewer].map(|party| attendance.presence(party, Reading::Likely));
        let found = total(&intersect(&a, &b)).as_secs();
        prop_assert!((found - i64::try_from(counted).unwrap()).abs() <= off, "{found} and not {counted} ± {off}");
    }

    #[test]
    fn the_order_of_the_facts_does_not_matter(
        stays in proptest::collection::vec((proptest::bool::ANY, -20i64..80, 0i64..40), 0..8),
        seed in 0usize..40320,
    ) {
        let visits: Vec<Visit> = stays
            .iter()
            .map(|(c, from, length)| visit(if *c { Party::Interviewee } else { Party::Interviewer }, *from, from + length))
            .collect();
        let mut shuffled = visits.clone();
        let n = shuffled.len().max(1);
        shuffled.rotate_left(seed % n);
        if seed % 2 == 0 { shuffled.reverse(); }
        prop_assert_eq!(finding(visits), finding(shuffled));
    }
}

#[test]
fn time_in_the_call_is_told_where_nothing_of_it_is_open() {
    use Party::{Interviewee as C, Interviewer as I};
    let time = |visits| Attendance { visits, sessions: Vec::new() }.time_in_call();
    let minutes = |together: u64, candidate: u64, interviewer: u64| {
        Some(TimeInCall {
            together_seconds: together * 60,
            interviewee_seconds: candidate * 60,
            interviewer_seconds: interviewer * 60,
        })
    };
    let open = || Visit::new("s1", I, Some(at(30)), None);
    let unbegun = || Visit::new("s1", C, None, Some(at(30)));
    for (visits, expected, why) in [
        (vec![visit(C, 0, 60), visit(I, -5, 50)], minutes(50, 60, 55), "time outside the booked one counts too"),
        (vec![visit(C, 0, 20), visit(C, 10, 30), visit(I, 25, 40)], minutes(5, 30, 15), "twice at once counts once"),
        (vec![visit(I, 0, 15)], minutes(0, 0, 15), "one who waited in vain"),
        (vec![visit(C, 0, 60), visit(I, 0, 20), open()], None, "somebody may be there still"),
        (vec![visit(I, 0, 20), unbegun()], None, "it is not known since when"),
        (vec![], None, "nobody was seen"),
    ] {
        assert_eq!(time(visits), expected, "{why}");
    }
}
