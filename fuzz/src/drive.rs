//! Runs a target on stable, as a plain test: over its committed corpus, and over inputs made of that corpus by a seeded
//! generator. It does in seconds what coverage-guided fuzzing does better in hours.

use std::fs;
use std::path::PathBuf;

/// Inputs get no longer than this, so that a run stays short.
const MAX_BYTES: usize = 4096;

/// Values at which parsers tend to break, whatever the format.
const ODD: [&[u8]; 24] = [
    b"0",
    b"-1",
    b"18446744073709551616",
    b"1e309",
    b"-0.5",
    b"null",
    b"\"\"",
    b"[]",
    b"{}",
    b"\\u0000",
    b"\\ud800",
    b"\0",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\r\n",
    b"\n\n",
    b"\xe2\x80\xa8",
    b"\xe2\x80\x8b",
    b"<<<",
    b"TRANSCRIPT>>>",
    b"9999-12-31T23:59:59Z",
    b"24:00",
    b"\x1f\x8b\x08",
    b"\xcc\x81",
];

/// Entries of each corpus that have to go all the way.
const GOOD: [(&str, &[&str]); 6] = [
    ("availability", &["a_whole_day_once", "one_time", "until_and_exceptions", "weekly", "whole_days"]),
    ("cursor", &["booking", "month", "month_and_booking", "statement", "undecided"]),
    ("evidence", &["chinese", "greek", "invisible", "typographic"]),
    ("stream_webhook", &["call_ended", "call_ended_gzip", "call_recording_ready", "call_session_participant_joined"]),
    ("svix_webhook", &["rotation__two_v1_signatures__second_matches", "user_created", "user_deleted", "user_updated"]),
    ("transcript", &["ends_the_fence", "milliseconds", "rfc3339", "two_sessions"]),
];

/// Says which input a target failed on, for whoever reads the test's output.
struct Running<'a> {
    target: &'a str,
    input: &'a [u8],
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} fails on this input; keep it in fuzz/corpus: {}", self.target, self.input.escape_ascii());
        }
    }
}

/// Holds `target` to its properties over its corpus and `inputs` made ones. Panics where one of them does not hold, and where an
/// entry that is good no longer goes all the way, since little would be looked at then.
pub fn run(target: &str, hold: fn(&[u8]) -> bool, inputs: usize) {
    let entries = corpus(target);
    let hold = |input: &[u8]| {
        let _running = Running { target, input };
        hold(input)
    };
    let (_, good) = GOOD.iter().find(|(named, _)| *named == target).unwrap();
    let mut missing: Vec<&str> = good.to_vec();
    for (name, input) in &entries {
        let is_whole = hold(input);
        missing.retain(|good| good != name || !is_whole);
    }
    assert!(missing.is_empty(), "{target}: {missing:?} no longer go all the way");
    let corpus: Vec<Vec<u8>> = entries.into_iter().map(|(_, input)| input).collect();
    hold(b"");
    let mut random = Random(target.bytes().fold(1, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte))));
    for _ in 0..inputs {
        hold(&random.input(&corpus));
    }
}

/// The names and contents of the committed inputs.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let listing = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = listing.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    let name = |file: &PathBuf| file.file_name().unwrap().to_string_lossy().into_owned();
    files.into_iter().map(|file| (name(&file), fs::read(&file).unwrap())).collect()
}

/// The generator of SplitMix64 (Steele, Lea and Flood, 2014): small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// One input in eight has nothing to do with the corpus; the others are an entry with a few changes.
    fn input(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        if self.below(8) == 0 {
            let length = self.below(200);
            return (0..length).map(|_| self.byte()).collect();
        }
        let mut input = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(4) {
            self.change(&mut input, corpus);
        }
        input.truncate(MAX_BYTES.max(input.len() / 2));
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let (start, end) = self.part(input);
        match self.below(8) {
            0 if start < input.len() => input[start] ^= 1 << self.below(8),
            1 if start < input.len() => input[start] = self.byte(),
            2 => drop(input.drain(start..end)),
            3 => input.truncate(start),
            4 => {
                let odd = ODD[self.below(ODD.len())];
                input.splice(start..end, odd.iter().copied());
            }
            5 => {
                let twice = input[start..end].to_vec();
                input.splice(start..start, twice);
            }
            6 => self.change_number(input),
            _ => {
                let other = &corpus[self.below(corpus.len())];
                let (from, to) = self.part(other);
                input.splice(start..end, other[from..to].iter().copied());
            }
        }
    }

    /// A part of an input; short ones are likelier.
    fn part(&mut self, input: &[u8]) -> (usize, usize) {
        let start = self.below(input.len() + 1);
        let longest = if self.below(4) == 0 { input.len() } else { 8 };
        (start, (start + self.below(longest + 1)).min(input.len()))
    }

    /// Another digit where there is one: most rules are about numbers, and other changes seldom leave one that is read.
    fn change_number(&mut self, input: &mut [u8]) {
        let digits: Vec<usize> = (0..input.len()).filter(|at| input[*at].is_ascii_digit()).collect();
        if !digits.is_empty() {
            let at = digits[self.below(digits.len())];
            input[at] = b'0' + self.byte() % 10;
        }
    }
}
