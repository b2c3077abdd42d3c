//! What Stream will tell of a call: facts that fit together, as signed webhooks that may come in any order, any number of
//! times, or never.

use serde_json::{Value, json};

use crate::model::{Booking, CANDIDATE, Fact, HOUR, INTERVIEWER, MINUTE, Stay};
use crate::random::Random;
use tests::stage::{Stage, instant};
use tests::transcript::{line, rich};

/// The name of every recording.
pub const RECORDING: &str = "recording.mp4";

/// One webhook, or several that only together say what was.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub booking: String,
    pub bodies: Vec<String>,
    pub fact: Fact,
}

impl Event {
    /// In another order, and some of it again.
    pub fn shuffled(mut self, random: &mut Random) -> Self {
        let count = self.bodies.len();
        if count > 1 {
            let again: Vec<String> = (0..random.below(count)).map(|_| random.pick(&self.bodies)).collect();
            self.bodies.extend(again);
            for place in 1..self.bodies.len() {
                self.bodies.swap(place, random.below(place + 1));
            }
        }
        self
    }

    /// The same, however it is told.
    pub fn name(&self) -> &String {
        self.bodies.iter().min().expect("something is told")
    }
}

struct Writer<'a> {
    booking: &'a Booking,
    events: Vec<Event>,
}

impl Writer<'_> {
    fn tell(&mut self, kind: &str, at: i64, more: Value, fact: Fact) {
        let id = &self.booking.id;
        let mut body = json!({ "type": kind, "created_at": instant(at), "call_cid": format!("default:{id}") });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.events.push(Event { booking: id.clone(), bodies: vec![body.to_string()], fact });
    }

    fn stay(&mut self, random: &mut Random, session: u8, side: usize, connection: u8, from: i64, to: i64) {
        let user = [&self.booking.candidate, &self.booking.interviewer][side];
        let mut participant = json!({ "user": { "id": user }, "user_session_id": format!("{user}-{connection}"),
            "role": "user", "joined_at": instant(from) });
        let id = format!("session-{session}");
        let joined = json!({ "session_id": id, "participant": participant });
        self.tell(
            "call.session_participant_joined",
            from,
            joined,
            Fact::Joined { session, side, connection, at: from },
        );
        // Some leaves do not say when it began.
        let told = (!random.percent(10)).then_some(from);
        if told.is_none() {
            participant.as_object_mut().unwrap().remove("joined_at");
        }
        let left = json!({ "session_id": id, "participant": participant, "duration_seconds": to - from });
        // Their duration does.
        let fact = Fact::Left { session, side, connection, joined: from, at: to };
        self.tell("call.session_participant_left", to, left, fact);
    }

    /// Somebody who comes back keeps the id of their connection: several stays that only all that is told of them tells apart.
    fn stays_under_one_id(&mut self, random: &mut Random, side: usize, stays: Vec<Stay>) {
        let user = [&self.booking.candidate, &self.booking.interviewer][side];
        let participant = json!({ "user": { "id": user }, "user_session_id": format!("{user}-again"), "role": "user" });
        let (before, session) = (self.events.len(), 1);
        let first = stays[0].0;
        for (joined, left) in &stays {
            let at = joined.expect("each join is told");
            let mut participant = participant.clone();
            participant["joined_at"] = json!(instant(at));
            let told = json!({ "session_id": "session-1", "participant": participant });
            self.tell("call.session_participant_joined", at, told, Fact::Other);
            let Some(left) = *left else { continue };
            // A leave names the join that it ends, or the first one, or none.
            match random.below(3) {
                0 => participant["joined_at"] = json!(instant(first.unwrap_or(at))),
                1 => drop(participant.as_object_mut().unwrap().remove("joined_at")),
                _ => {}
            }
            let mut told = json!({ "session_id": "session-1", "participant": participant });
            if random.percent(70) {
                told["duration_seconds"] = json!(left - at);
            }
            self.tell("call.session_participant_left", left, told, Fact::Other);
        }
        let bodies = self.events.drain(before..).flat_map(|event| event.bodies).collect();
        let fact = Fact::Stayed { session, side, stays };
        self.events.push(Event { booking: self.booking.id.clone(), bodies, fact });
    }

    fn session(&mut self, session: u8, from: i64, to: i64) {
        let id = json!({ "session_id": format!("session-{session}") });
        self.tell("call.session_started", from, id.clone(), Fact::SessionStarted { session });
        self.tell("call.session_ended", to, id, Fact::SessionEnded { session, at: to });
    }

    fn file(&mut self, stage: &Stage, kind: &str, member: &str, filename: &str, body: &[u8]) {
        let path = format!("/files/{}/{filename}", self.booking.id);
        stage.faults.serve_file(&path, body);
        let (from, to) = (self.booking.start + 20, self.booking.end - 20);
        let file = json!({ "filename": filename, "url": format!("{}{path}", stage.faults.url()),
            "session_id": "session-1", "start_time": instant(from), "end_time": instant(to) });
        self.tell(kind, to + 60, json!({ member: file }), Fact::Other);
    }
}

/// Stream tells that there is a transcript with much to judge.
pub fn transcript_ready(stage: &Stage, booking: &Booking) -> Event {
    let mut writer = Writer { booking, events: Vec::new() };
    let text = rich(&booking.interviewer, &booking.candidate);
    writer.file(stage, "call.transcription_ready", "call_transcription", "rich.jsonl", text.as_bytes());
    writer.events.remove(0)
}

/// Everything that will be told of a booking's call.
pub fn script(stage: &Stage, random: &mut Random, booking: &Booking) -> Vec<Event> {
    let mut writer = Writer { booking, events: Vec::new() };
    let (start, end) = (booking.start, booking.end);
    let early = start + random.between(-8, 3) * MINUTE;
    let late = early + random.between(1, 6) * MINUTE;
    let long = end - random.between(0, 8) * MINUTE;
    let mut comes_back = random.percent(12).then(|| random.pick(&[CANDIDATE, INTERVIEWER]));
    let mut sides: Vec<(u8, usize, u8, i64, i64)> = match random.below(11) {
        0 => Vec::new(),
        1 | 2 => vec![(1, INTERVIEWER, 1, early, long), (1, CANDIDATE, 1, late, long)],
        // Exactly five minutes, or one second less, or less than that.
        3 => {
            let together = random.pick(&[5 * MINUTE, 5 * MINUTE - 1, 3 * MINUTE]);
            vec![(1, INTERVIEWER, 1, early, long), (1, CANDIDATE, 1, late, late + together)]
        }
        4 => vec![(1, CANDIDATE, 1, early, long)],
        5 => {
            let waited = random.pick(&[10 * MINUTE, 10 * MINUTE - 1, 20 * MINUTE, 4 * MINUTE]);
            vec![(1, INTERVIEWER, 1, start, start + waited)]
        }
        6 => vec![(1, CANDIDATE, 1, early, late), (2, INTERVIEWER, 1, long - 90, long)],
        7 => vec![
            (1, INTERVIEWER, 1, early, late),
            (2, INTERVIEWER, 2, late + MINUTE, long),
            (2, CANDIDATE, 1, long - 7 * MINUTE, long - random.pick(&[2, 3]) * MINUTE),
        ],
        // One party twice at once, from two devices.
        8 => vec![(1, INTERVIEWER, 1, early, late), (1, INTERVIEWER, 2, early, late), (1, CANDIDATE, 1, late, long)],
        // One stays and the other comes and goes.
        _ => {
            let stays = random.pick(&[CANDIDATE, INTERVIEWER]);
            comes_back = Some(if stays == CANDIDATE { INTERVIEWER } else { CANDIDATE });
            vec![(1, stays, 1, late, long)]
        }
    };
    if let Some(side) = comes_back {
        let stays = again_and_again(random, early, end);
        writer.stays_under_one_id(random, side, stays);
    }
    sides.retain(|stay| stay.3 < stay.4);
    for (session, side, connection, from, to) in &sides {
        writer.stay(random, *session, *side, *connection, *from, *to);
    }
    for session in [1, 2] {
        let ends = sides.iter().filter(|s| s.0 == session);
        if let (Some(from), Some(to)) = (ends.clone().map(|s| s.3).min(), ends.map(|s| s.4).max()) {
            writer.session(session, from, to + 30);
        }
    }
    if sides.len() > 1 {
        writer.tell("call.recording_started", start + 20, json!({ "egress_id": "e1" }), Fact::Other);
        writer.tell("call.recording_stopped", end, json!({ "egress_id": "e1" }), Fact::Other);
        writer.file(stage, "call.recording_ready", "call_recording", RECORDING, b"video");
        let is_rich = random.percent(60);
        let (name, text) = if is_rich {
            ("rich.jsonl", rich(&booking.interviewer, &booking.candidate))
        } else {
            ("thin.jsonl", thin(booking))
        };
        writer.file(stage, "call.transcription_ready", "call_transcription", name, text.as_bytes());
    }
    if random.percent(30) {
        writer.tell("call.transcription_failed", end + 90, json!({ "error": "no speech" }), Fact::Other);
    }
    writer.tell("call.ended", end + HOUR, json!({}), Fact::Other);
    // What Stream never delivers.
    writer.events.retain(|_| !random.percent(8));
    writer.events
}

/// Stays one after the other, of which the last may go on.
fn again_and_again(random: &mut Random, from: i64, end: i64) -> Vec<Stay> {
    let (mut stays, mut joined) = (Vec::new(), from);
    for _ in 0..random.between(2, 5) {
        let left = joined + random.pick(&[30, MINUTE, 150, 4 * MINUTE, 5 * MINUTE, 12 * MINUTE]);
        stays.push((Some(joined), Some(left)));
        joined = left + random.pick(&[10, 45, 5 * MINUTE]);
    }
    if random.percent(15) && joined < end {
        stays.push((Some(joined), None));
    }
    stays
}

fn thin(booking: &Booking) -> String {
    line(&booking.interviewer, "Can you hear me?", 0, 2000)
        + &line(&booking.candidate, "Hardly, I am sorry.", 3000, 5000)
}
