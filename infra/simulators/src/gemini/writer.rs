//! Writing an answer that fits a schema: a walk over the schema that fills each member by its name and type.

use serde_json::{Map, Number, Value, json};

use super::observe::{self, Observation, Quote, Side};
use super::prompt::{self, Measures, Speaker, Utterance};
use super::questions::{self, Question};
use super::schema::resolve;

/// What is done to quotes on command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quotes {
    /// Verbatim.
    Real,
    /// Every quote is made up.
    Missing,
    /// The quotes of every second claim are made up.
    HalfMissing,
    /// Real words in the mouth of the other speaker.
    WrongSpeaker,
    /// Three words long.
    Short,
    /// Real, with other case, spaces and punctuation: still to be found after normalising.
    Recased,
}

const DEEPEST: usize = 24;

/// Writes what `schema` describes, or plain text without one.
pub fn write(prompt: &str, schema: Option<&Value>, quotes: Quotes) -> Value {
    let utterances = prompt::utterances(prompt);
    let measures = prompt::measure(&utterances);
    let Some(schema) = schema else { return json!(observe::text(Side::Whole, &measures)) };
    let writer = Writer {
        root: schema,
        strengths: observe::strengths(&utterances, &measures),
        improvements: observe::improvements(&utterances, &measures),
        measures,
        utterances,
        prompt,
        quotes,
        claims: std::cell::Cell::new(0),
    };
    writer.value(schema, "", &Place::default(), 0)
}

struct Writer<'a> {
    root: &'a Value,
    prompt: &'a str,
    utterances: Vec<Utterance>,
    measures: Measures,
    strengths: Vec<Observation>,
    improvements: Vec<Observation>,
    quotes: Quotes,
    /// How many claims were written so far.
    claims: std::cell::Cell<usize>,
}

/// What the member being written belongs to.
#[derive(Clone, Copy, Default)]
struct Place<'a> {
    claim: Option<&'a Observation>,
    /// The place of the claim among all, for spoiling every second one.
    claim_number: usize,
    quote: Option<&'a Quote>,
    question: Option<&'a Question>,
    follow_up: Option<&'a str>,
}

/// A member's name without case, `_` and `-`.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.contains(&plain(name).as_str())
}

const QUOTE_LISTS: &[&str] = &["quotes", "quote", "evidence", "citations", "excerpts", "verbatim"];
const QUOTE_TEXTS: &[&str] = &["text", "quote", "excerpt", "verbatim"];

impl Writer<'_> {
    fn value(&self, schema: &Value, name: &str, place: &Place, depth: usize) -> Value {
        if let Some(target) = schema["$ref"].as_str() {
            return match resolve(self.root, target) {
                Some(found) if depth < DEEPEST => self.value(found, name, place, depth + 1),
                _ => Value::Null,
            };
        }
        if let Some(options) = schema["enum"].as_array() {
            return self.choose(options, name, place);
        }
        if let Some(options) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
            let is_null = |option: &&Value| option["type"] == "null";
            let option = options.iter().find(|option| !is_null(option)).or(options.first());
            return option.map_or(Value::Null, |option| self.value(option, name, place, depth + 1));
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => {
                kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("null")
            }
            Value::String(kind) => kind,
            _ if schema["properties"].is_object() => "object",
            _ if schema["items"].is_object() => "array",
            _ => "string",
        };
        match kind {
            "object" => self.object(schema, name, place, depth),
            "array" => self.array(schema, name, place, depth),
            "integer" => self.number(schema, name, place, true),
            "number" => self.number(schema, name, place, false),
            "boolean" => self.boolean(name),
            "null" => Value::Null,
            _ => json!(self.text(name, place)),
        }
    }

    fn object(&self, schema: &Value, name: &str, place: &Place, depth: usize) -> Value {
        let empty = Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&empty);
        let has = |names: &[&str]| properties.keys().any(|key| is_one_of(key, names));
        let claim;
        let mut inner = *place;
        let is_quote = has(QUOTE_TEXTS) && has(&["speaker"]);
        if is_quote {
            inner.quote = inner.quote.or_else(|| inner.claim.or_else(|| self.usual_claim(name))?.quotes.first());
        } else if inner.claim.is_none() && has(QUOTE_LISTS) {
            claim = self.usual_claim(name);
            inner.claim = claim;
            inner.claim_number = self.next_claim();
        }
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut written = Map::new();
        for (key, child) in properties {
            // Deep in a recursive schema only what must be there is written.
            if depth >= DEEPEST / 2 && !required.contains(&key.as_str()) {
                continue;
            }
            written.insert(key.clone(), self.value(child, key, &inner, depth + 1));
        }
        Value::Object(written)
    }

    fn next_claim(&self) -> usize {
        let number = self.claims.get();
        self.claims.set(number + 1);
        number
    }

    /// The observation that a rating or a lone claim rests on.
    fn usual_claim(&self, name: &str) -> Option<&Observation> {
        let good = self.measures.overall() >= 0.45;
        let (first, second) =
            if good { (&self.strengths, &self.improvements) } else { (&self.improvements, &self.strengths) };
        let list = if first.is_empty() { second } else { first };
        let preferred = match plain(name).as_str() {
            "communication" => 1,
            "problemsolving" => 2,
            _ => 0,
        };
        list.get(preferred).or(list.first())
    }

    fn array(&self, schema: &Value, name: &str, place: &Place, depth: usize) -> Value {
        let items = &schema["items"];
        if let Some(prefix) = schema["prefixItems"].as_array() {
            return prefix.iter().map(|item| self.value(item, name, place, depth + 1)).collect();
        }
        let least = limit(&schema["minItems"]).unwrap_or(0);
        let most = limit(&schema["maxItems"]).unwrap_or(usize::MAX);
        let count = |usual: usize| usual.max(least).min(most);
        let mut written: Vec<Value> = Vec::new();
        let plain_name = plain(name);
        if QUOTE_LISTS.contains(&plain_name.as_str()) {
            let quotes = place.claim.or_else(|| self.usual_claim(name)).map(|claim| claim.quotes.as_slice());
            for quote in quotes.unwrap_or_default().iter().take(count(2)) {
                written.push(self.value(items, name, &Place { quote: Some(quote), ..*place }, depth + 1));
            }
        } else if plain_name.contains("followup") {
            let follow_ups = place.question.map(|question| question.follow_ups.as_slice()).unwrap_or_default();
            for follow_up in follow_ups.iter().take(count(2)) {
                written.push(self.value(items, name, &Place { follow_up: Some(follow_up), ..*place }, depth + 1));
            }
        } else if plain_name.contains("question") {
            let wanted = questions::wanted_count(self.prompt).unwrap_or(5);
            for question in questions::questions(self.prompt, count(wanted)) {
                written.push(self.value(items, name, &Place { question: Some(&question), ..*place }, depth + 1));
            }
        } else {
            let observations = self.observations(&plain_name);
            for observation in observations.iter().take(count(observations.len())) {
                let inner = Place { claim: Some(observation), claim_number: self.next_claim(), ..Place::default() };
                written.push(self.value(items, name, &inner, depth + 1));
            }
        }
        // A schema that insists on more than there is to say gets repetitions, as from a model that has to fill space.
        while written.len() < least.min(most) {
            written.push(written.last().cloned().unwrap_or_else(|| self.value(items, name, place, depth + 1)));
        }
        Value::Array(written)
    }

    /// The strengths or the improvements, as many as the quality of the answers suggests.
    fn observations(&self, name: &str) -> Vec<&Observation> {
        const POSITIVE: &[&str] = &["strength", "well", "positive", "highlight", "good", "pros"];
        const NEGATIVE: &[&str] =
            &["improve", "weak", "better", "missing", "gap", "concern", "recommend", "next", "cons", "risk"];
        let overall = self.measures.overall();
        let (strong, weak) = if overall >= 0.6 {
            (4, 2)
        } else if overall >= 0.35 {
            (3, 3)
        } else {
            (1, 4)
        };
        let mentions = |words: &[&str]| words.iter().any(|word| name.contains(word));
        if mentions(NEGATIVE) {
            self.improvements.iter().take(weak).collect()
        } else if mentions(POSITIVE) {
            self.strengths.iter().take(strong).collect()
        } else {
            self.strengths.iter().take(strong).chain(self.improvements.iter().take(weak)).collect()
        }
    }

    fn choose(&self, options: &[Value], name: &str, place: &Place) -> Value {
        let find =
            |wanted: &str| options.iter().find(|option| option.as_str().is_some_and(|option| plain(option) == wanted));
        if plain(name) == "speaker" {
            let speaker = self.quoted_speaker(place);
            let names: &[&str] = match speaker {
                Speaker::Interviewee => &["interviewee", "candidate"],
                Speaker::Interviewer => &["interviewer", "host"],
            };
            if let Some(option) = names.iter().find_map(|name| find(name)) {
                return option.clone();
            }
        }
        let overall = self.measures.overall();
        let verdicts: &[&str] = if overall >= 0.65 {
            &["stronghire", "stronglyrecommend", "excellent", "high", "strong"]
        } else if overall >= 0.4 {
            &["hire", "recommend", "good", "medium", "average"]
        } else {
            &["nohire", "notrecommend", "poor", "low", "weak"]
        };
        let verdict = verdicts.iter().find_map(|verdict| find(verdict));
        verdict.or(options.first()).cloned().unwrap_or(Value::Null)
    }

    fn number(&self, schema: &Value, name: &str, place: &Place, whole: bool) -> Value {
        let plain_name = plain(name);
        if let Some(quote) = place.quote {
            match plain_name.as_str() {
                "line" | "n" | "number" | "index" | "utterance" | "utteranceindex" => return json!(quote.number),
                "startms" | "start" | "startts" | "timestamp" => return json!(quote.start_ms),
                _ => {}
            }
        }
        let usual_top = if plain_name.contains("score") || plain_name.contains("percent") { 100.0 } else { 10.0 };
        let top = schema["maximum"].as_f64().unwrap_or(usual_top);
        let bottom = schema["minimum"].as_f64().unwrap_or(if top > 10.0 { 0.0 } else { 1.0_f64.min(top) });
        let share = match plain_name.as_str() {
            name if name.contains("technical") => self.measures.technical(),
            name if name.contains("communicat") => self.measures.communication(),
            name if name.contains("problem") => self.measures.problem_solving(),
            name if name.contains("minute") || name.contains("difficulty") => 0.5,
            _ => place.claim.map_or_else(|| self.measures.overall(), |_| self.measures.overall()),
        };
        let number = bottom + (top - bottom) * share;
        if !whole {
            return Number::from_f64((number * 10.0).round() / 10.0).map_or(Value::Null, Value::Number);
        }
        #[expect(clippy::cast_possible_truncation, reason = "ratings are small")]
        let number = number.round() as i64;
        json!(number)
    }

    fn boolean(&self, name: &str) -> Value {
        let thin = self.measures.words < 100 || self.measures.answers.len() < 4;
        json!(if plain(name).contains("insufficient") { thin } else { !thin })
    }

    fn text(&self, name: &str, place: &Place) -> String {
        let plain_name = plain(name);
        if let Some(follow_up) = place.follow_up {
            return follow_up.to_owned();
        }
        if let Some(quote) = place.quote {
            return match plain_name.as_str() {
                "speaker" => speaker_name(self.quoted_speaker(place)).into(),
                name if QUOTE_TEXTS.contains(&name) || QUOTE_LISTS.contains(&name) => self.quoted_text(quote, place),
                _ => "Shows the point in the candidate's own words.".into(),
            };
        }
        if let Some(question) = place.question {
            let wants_reason =
                ["rationale", "why", "motivation", "reason"].iter().any(|word| plain_name.contains(word));
            return if wants_reason { question.rationale.clone() } else { question.wording.clone() };
        }
        if QUOTE_LISTS.contains(&plain_name.as_str()) {
            let quote = place.claim.or_else(|| self.usual_claim(name)).and_then(|claim| claim.quotes.first());
            return quote.map(|quote| self.quoted_text(quote, place)).unwrap_or_default();
        }
        let about_whole = ["summary", "overview", "overall", "conclusion"].iter().any(|word| plain_name.contains(word));
        let claim = match place.claim {
            Some(claim) if !about_whole => claim,
            _ => return observe::text(side(&plain_name), &self.measures),
        };
        match plain_name.as_str() {
            "title" | "headline" | "name" | "area" | "topic" | "label" => claim.headline.clone(),
            "detail" | "details" | "description" | "explanation" | "comment" | "rationale" | "reason"
            | "suggestion" => claim.detail.clone(),
            _ => format!("{}. {}", claim.headline, claim.detail),
        }
    }

    fn quoted_speaker(&self, place: &Place) -> Speaker {
        let speaker = place.quote.map_or(Speaker::Interviewee, |quote| quote.speaker);
        match (self.quotes, speaker) {
            (Quotes::WrongSpeaker, Speaker::Interviewee) => Speaker::Interviewer,
            (Quotes::WrongSpeaker, Speaker::Interviewer) => Speaker::Interviewee,
            _ => speaker,
        }
    }

    fn quoted_text(&self, quote: &Quote, place: &Place) -> String {
        match self.quotes {
            Quotes::Real | Quotes::WrongSpeaker => quote.text.clone(),
            Quotes::HalfMissing if place.claim_number.is_multiple_of(2) => quote.text.clone(),
            Quotes::Missing | Quotes::HalfMissing => self.invented(place.claim_number),
            Quotes::Short => quote.text.split_whitespace().take(3).collect::<Vec<_>>().join(" "),
            Quotes::Recased => recased(&quote.text),
        }
    }

    /// A plausible sentence that nobody said.
    fn invented(&self, number: usize) -> String {
        const SENTENCES: [&str; 4] = [
            "I single-handedly migrated the whole payments platform to quantum ledgers over one weekend",
            "My thesis on volcanic cache invalidation was adopted by three national observatories",
            "We sharded the coffee machine by hemisphere and latency dropped to minus four",
            "I always begin by renaming every variable after a species of migratory bird",
        ];
        let free = (0..SENTENCES.len()).map(|step| SENTENCES[(number + step) % SENTENCES.len()]);
        let unsaid = |sentence: &&str| !self.utterances.iter().any(|line| line.text.contains(sentence));
        free.into_iter().find(unsaid).unwrap_or(SENTENCES[0]).to_owned()
    }
}

/// What a text of this name is about.
fn side(plain_name: &str) -> Side {
    if plain_name.contains("technical") {
        Side::Technical
    } else if plain_name.contains("communicat") {
        Side::Communication
    } else if plain_name.contains("problem") {
        Side::ProblemSolving
    } else {
        Side::Whole
    }
}

fn speaker_name(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::Interviewee => "INTERVIEWEE",
        Speaker::Interviewer => "INTERVIEWER",
    }
}

fn recased(text: &str) -> String {
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_uppercase())
        .filter(|word| !word.is_empty())
        .collect();
    format!("{}…", words.join("  "))
}

fn limit(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|limit| usize::try_from(limit).ok())
}
