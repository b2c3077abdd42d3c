//! Transcripts as Stream writes them: one line of JSON for each thing said.

use serde_json::json;

/// An interview with enough to judge.
pub fn rich(interviewer: &str, candidate: &str) -> String {
    let asked = "How would you make sure that nothing is lost when a worker crashes half way?";
    let answered = [
        "I would write every order and its outbox row in one transaction, because then either both of them exist or \
         neither of them does, and no reader ever sees one half.",
        "A worker takes a message, does the work and deletes the message afterwards, so that a crash in between only \
         means that the work is done twice, which has to be harmless.",
        "Before I touch the code I would measure the latency at the ninety ninth percentile and the number of requests \
         per second, for example over a whole week.",
        "I would look at the plan of the query first, compare the estimated rows with the real ones, and then decide \
         whether an index or another shape of the data is the better trade-off.",
        "Next time I would ask more questions at the beginning, since the requirements changed twice while we were \
         already building the wrong thing.",
    ];
    let turns = answered.iter().enumerate().map(|(turn, answer)| {
        let from = turn * 60_000;
        line(interviewer, asked, from, from + 6_000) + &line(candidate, answer, from + 8_000, from + 40_000)
    });
    turns.collect()
}

/// Sixty answers, each in other words.
pub fn long(interviewer: &str, candidate: &str) -> String {
    let turns = (0..60).map(|turn| {
        let asked = format!("What would you do about problem number {turn}?");
        let answer = format!("About problem {turn} I would measure first, and then change one thing at a time.");
        let from = turn * 20_000;
        line(interviewer, &asked, from, from + 4_000) + &line(candidate, &answer, from + 5_000, from + 14_000)
    });
    turns.collect()
}

/// One thing said, in milliseconds from the beginning.
pub fn line(speaker: &str, text: &str, from: usize, to: usize) -> String {
    let line = json!({ "speaker_id": speaker, "type": "speech", "text": text, "start_ts": from, "stop_ts": to });
    line.to_string() + "\n"
}
