//! One of everything that can be asked of the application, in an order that makes sense, beside any number of other bookings;
//! and what each of it asked of AWS. Counts, so that they hold on any machine.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;

use jiff::ToSpan;
use jiff::civil::date;
use kit::Route;
use serde_json::{Value, json};
use simulators::PlayRequest;
use store::outbox::{Effect, Message};
use testing::{Item, Meter, Reading, Stored};

use crate::examples::{Request, caller, request, request_of};
use crate::stage::{ADMIN, Queued, Stage};

/// One run of one function, and what it asked for.
#[derive(Debug, Clone)]
pub struct Step {
    /// The function's name.
    pub function: String,
    /// Whether it is called through the API.
    pub is_route: bool,
    /// Whether it belongs to the one session that is told from its booking to its review.
    pub in_session: bool,
    /// How many calls to the table had to wait for one another.
    pub calls_in_a_row: usize,
    /// What it asked of AWS.
    pub readings: Vec<Reading>,
}

impl Step {
    /// The calls to the table, in order.
    pub fn table_calls(&self) -> impl Iterator<Item = &Reading> {
        self.readings.iter().filter(|r| r.is_table())
    }

    /// Read units.
    pub fn read_units(&self) -> f64 {
        self.table_calls().filter(|r| r.is_read()).map(|r| r.units).fold(0.0, |all, units| all + units)
    }

    /// Write units.
    pub fn write_units(&self) -> f64 {
        self.table_calls().filter(|r| !r.is_read()).map(|r| r.units).fold(0.0, |all, units| all + units)
    }

    /// What must be the same beside few and beside many bookings.
    pub fn cost(&self) -> (usize, Vec<&str>, f64, f64) {
        let mut operations: Vec<&str> = self.table_calls().map(|r| r.operation.as_str()).collect();
        // What is asked at the same time arrives in any order.
        operations.sort_unstable();
        (self.calls_in_a_row, operations, self.read_units(), self.write_units())
    }
}

/// The story that was told.
#[derive(Debug)]
pub struct Story {
    /// Everything that ran, in order.
    pub steps: Vec<Step>,
    /// Tokens that the model's simulator counted for the feedback: prompt, and output with thoughts.
    pub tokens: (u64, u64),
    /// Bytes of the stored transcript.
    pub transcript_bytes: u64,
}

impl Story {
    /// Tells it beside `others` further bookings of the same two people, which lie in every partition that a booking touches:
    /// the lists of both, their statements and calendars, the month, the hour that the sweep reads, and the waiting outbox.
    pub async fn beside(others: usize) -> Self {
        let (stage, meter) = Stage::metered().await;
        stage.world.add_interviewer("ivy").await;
        stage.world.add_candidate("cara", 1000).await;
        let mut teller = Teller { stage, meter, steps: Vec::new(), in_session: false, seeded_to: String::new() };
        teller.people().await;
        teller.crowd(others).await;
        let booking = teller.session().await;
        teller.other_endings().await;
        teller.the_rest(&booking).await;
        let record = teller.stage.item(&format!("BOOKING#{booking}"), "FEEDBACK").await.expect("a feedback");
        let count = |name: &str| record["usage"][name].as_u64().expect("a number of tokens");
        let tokens = (count("promptTokens"), count("outputTokens") + count("thinkingTokens"));
        let transcript = simulators::transcript(TRANSCRIPT).expect("a transcript").file.len();
        let story = Self { steps: teller.steps, tokens, transcript_bytes: u64::try_from(transcript).unwrap() };
        story.assert_whole();
        story
    }

    /// Everything that a function ever did in it, by function.
    pub fn by_function(&self) -> BTreeMap<&str, Vec<&Step>> {
        let mut found = BTreeMap::<&str, Vec<&Step>>::new();
        for step in &self.steps {
            found.entry(&step.function).or_default().push(step);
        }
        found
    }

    fn assert_whole(&self) {
        let told: BTreeSet<&str> = self.steps.iter().filter(|s| s.is_route).map(|s| s.function.as_str()).collect();
        let routes = crate::all_routes();
        let all: BTreeSet<&str> = routes.iter().map(|r| r.name).collect();
        assert_eq!(told, all, "a route that is not in the story has no budget");
    }
}

/// The session that is played.
const TRANSCRIPT: &str = "strong-system-design-45min";
/// When it begins, and when those begin that end otherwise.
const START: &str = "2026-11-21T10:00:00Z";
const LATER: [&str; 3] = ["2026-11-21T12:00:00Z", "2026-11-21T14:00:00Z", "2026-11-21T16:00:00Z"];

struct Teller {
    stage: Stage,
    meter: Meter,
    steps: Vec<Step>,
    in_session: bool,
    /// Outbox rows up to here are of the crowd, and are left waiting.
    seeded_to: String,
}

impl Teller {
    fn note(&mut self, function: &str, is_route: bool) {
        let (function, in_session) = (function.to_owned(), self.in_session);
        let (calls_in_a_row, readings) = (self.stage.calls_in_a_row(), self.meter.take());
        self.steps.push(Step { function, is_route, in_session, calls_in_a_row, readings });
    }

    /// Forgets what was asked on the side.
    fn forget(&self) {
        self.meter.take();
        self.stage.calls_in_a_row();
    }

    /// Makes the example call of a route about what is named.
    async fn ask(&mut self, who: &str, route: &str, names: &[(&str, &str)]) -> Value {
        self.call(who, route, request(route, names)).await
    }

    async fn call(&mut self, who: &str, route: &str, Request { method, path, body }: Request) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        // The same key for each would be a repeat of the first.
        let key = format!("key-{}", self.steps.len());
        self.forget();
        let answer = self.stage.call(who, method, &path, &body, Some(&key)).await;
        assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.body);
        self.note(route, true);
        answer.body
    }

    /// Whatever route was not asked yet: now there is something of everything.
    async fn the_rest(&mut self, booking: &str) {
        let names = [("bookingId", booking), ("callId", booking), ("interviewerId", "ivy"), ("userId", "cara")];
        for route in crate::all_routes() {
            if self.steps.iter().any(|step| step.function == route.name) {
                continue;
            }
            let who = caller(&route, ["cara", "ivy", ADMIN]);
            let request = request_of(&route, &names);
            let request = if takes_limit(&route) { request.asking("limit=5") } else { request };
            self.call(who, route.name, request).await;
        }
    }

    /// Lets everything follow that the outbox asks for.
    async fn follow(&mut self) {
        loop {
            let mut records = self.stage.stream_records();
            records.retain(|r| r["dynamodb"]["NewImage"]["gsi1sk"]["S"].as_str().unwrap() > self.seeded_to.as_str());
            if records.is_empty() {
                return;
            }
            for record in records {
                self.forget();
                let event = json!({ "Records": [record] });
                let relayed = background::relay_outbox::task().run(&self.stage.app, event).await;
                assert_eq!(relayed.unwrap()["batchItemFailures"], json!([]));
                self.note("relay_outbox", false);
                for queued in self.stage.take_sent() {
                    self.work(&Queued { receives: 1, ..queued }).await;
                }
            }
        }
    }

    async fn work(&mut self, queued: &Queued) {
        self.forget();
        self.stage.work(queued).await.unwrap();
        let worker = match queued.queue.as_str() {
            "stream" => "run_stream",
            "settlement" => "run_settlement",
            "media" => "run_media",
            _ => "run_generation",
        };
        self.note(worker, false);
    }

    /// People come, are verified, and say when they have time.
    async fn people(&mut self) {
        let person = json!({ "type": "user.created", "object": "event", "data": {
            "id": "nora", "object": "user", "first_name": "Nora", "last_name": null, "image_url": null,
            "primary_email_address_id": "idn_1", "updated_at": self.stage.app.now().as_millisecond(),
            "email_addresses": [{ "id": "idn_1", "email_address": "nora@example.com" }],
        }});
        self.forget();
        let heard = self.stage.hear_clerk(&person.to_string()).await;
        assert_eq!(heard.status, 200, "{}", heard.body);
        self.note("clerk_webhook", true);
        self.ask("nora", "sync_user", &[]).await;
        self.call("nora", "onboard", request("onboard", &[]).with(testing::interviewer_profile())).await;
        let title = json!({ "title": "Principal Engineer" });
        self.call("nora", "update_me", request("update_me", &[]).with(title)).await;
        self.ask("nora", "submit_verification", &[]).await;
        self.stage.call(ADMIN, "POST", "/api/user/sync", r#"{"name":"Ada"}"#, None).await;
        self.ask(ADMIN, "list_verifications", &[]).await;
        self.ask(ADMIN, "decide_verification", &[("interviewerId", "nora")]).await;
        let rule = self.ask("nora", "create_availability", &[]).await;
        let rule = [("availabilityId", rule["availabilityId"].as_str().unwrap())];
        self.ask("nora", "update_availability", &rule).await;
        self.ask("nora", "delete_availability", &rule).await;
        self.ask(ADMIN, "adjust_credits", &[("userId", "cara")]).await;
        for (kind, id) in [("pack", "packId"), ("plan", "planId")] {
            let made = self.ask(ADMIN, &format!("create_{kind}"), &[]).await;
            let one = [(id, made[id].as_str().unwrap())];
            self.ask(ADMIN, &format!("update_{kind}"), &one).await;
            self.ask(ADMIN, &format!("delete_{kind}"), &one).await;
        }
    }

    async fn book(&mut self, start: &str) -> String {
        let view = self.ask("cara", "create_booking", &[("interviewerId", "ivy"), ("startTime", start)]).await;
        view["bookingId"].as_str().unwrap().to_owned()
    }

    /// Fills the partitions with copies of what one booking wrote.
    async fn crowd(&mut self, others: usize) {
        let before: BTreeSet<String> = self.stage.stored().iter().map(key).collect();
        let booking = self.book(LATER[2]).await;
        let wrote = self.stage.stored();
        let wrote: Vec<&Value> = wrote.iter().filter(|item| !before.contains(&key(item))).collect();
        let mut templates: Vec<Item> = Vec::new();
        for item in wrote {
            let pk = item["pk"]["S"].as_str().unwrap();
            // That the two know each other is the same for all of them.
            let is_of_all = item["sk"]["S"].as_str().unwrap().starts_with("BOOKED#");
            if is_of_all || ["IDEMPOTENCY#", "RATE#"].iter().any(|own| pk.starts_with(own)) {
                continue;
            }
            templates.push(serde_json::from_value(item.clone()).unwrap());
            // The interviewer's statement has a line for every session as well, once it is settled.
            if item["sk"]["S"].as_str().unwrap().starts_with("TX#") {
                let mut line = item.clone();
                line["pk"]["S"] = json!("USER#ivy");
                templates.push(serde_json::from_value(line).unwrap());
            }
        }
        assert_eq!(templates.len(), 10, "a booking's items, without those that are its request's: {templates:?}");
        // The measured booking is due in another hour, and that is the one that is to be full.
        let hours = (due_hour(LATER[2]), due_hour(START));
        // All copies lie in the shards of what they were made of.
        let lies_in = |attribute: &str, begins: &str| {
            let places = templates.iter().filter_map(|template| match template.get(attribute) {
                Some(Stored::S(place)) if place.starts_with(begins) => Some(place.replace(&hours.0, &hours.1)),
                _ => None,
            });
            places.collect::<String>()
        };
        let (outbox, due) = (lies_in("gsi1pk", "OUTBOX#"), lies_in("pk", "DUE#"));
        let month = lies_in("gsi2pk", "MONTH#");
        let mut copies = Vec::new();
        for number in 0..others {
            copies.extend(templates.iter().map(|template| copy(template, &booking, &hours, number)));
            if copies.len() > 50_000 {
                self.stage.world.fill(take(&mut copies));
            }
        }
        self.stage.world.fill(copies);
        for (index, partition) in [
            (Some("gsi1"), "CANDIDATE#cara"),
            (Some("gsi2"), "INTERVIEWER#ivy"),
            (Some("gsi1"), &*outbox),
            (Some("gsi2"), &*month),
            (None, &*due),
            (None, "CAL#cara"),
            (None, "CAL#ivy"),
            (None, "USER#cara"),
            (None, "USER#ivy"),
        ] {
            let count = self.stage.count(index, partition);
            assert!(usize::try_from(count).unwrap() >= others, "{partition} is crowded: {count}");
        }
        self.seeded_to = format!("{}~", self.stage.app.now());
        self.stage.advance(3600);
    }

    /// One session, from looking for somebody to the review.
    async fn session(&mut self) -> String {
        self.in_session = true;
        let ivy = [("interviewerId", "ivy")];
        let found = request("list_interviewers", &[]).asking("category=backend&limit=5");
        self.call("cara", "list_interviewers", found).await;
        self.ask("cara", "get_interviewer", &ivy).await;
        self.ask("cara", "list_slots", &ivy).await;
        let id = self.book(START).await;
        self.follow().await;
        let booking = [("bookingId", &*id), ("callId", &*id)];
        self.ask("cara", "get_wallet", &[]).await;
        for who in ["cara", "ivy"] {
            self.call(who, "list_appointments", request("list_appointments", &[]).asking("limit=5")).await;
            self.ask(who, "get_booking", &booking).await;
            self.stage.advance(1);
            self.ask(who, "give_consent", &booking).await;
            self.follow().await;
        }
        self.ask("cara", "suggest_questions", &ivy).await;
        let start: jiff::Timestamp = START.parse().unwrap();
        self.stage.app.clock.set(start - 5.minutes());
        for who in ["cara", "ivy"] {
            self.ask(who, "get_call", &booking).await;
        }
        self.play(&id).await;
        for who in ["cara", "ivy"] {
            self.ask(who, "get_feedback", &booking).await;
            self.call(who, "list_transactions", request("list_transactions", &[]).asking("limit=5")).await;
        }
        let view = self.ask("cara", "get_recording", &booking).await;
        assert!(view["items"][0]["url"].is_string(), "the recording was copied: {view}");
        self.ask("cara", "review_booking", &booking).await;
        self.in_session = false;
        let said = self.call("cara", "list_reviews", request("list_reviews", &ivy).asking("limit=5")).await;
        assert_eq!(said["items"][0]["comment"], "Clear and kind.");
        id
    }

    /// The session takes place, and everything follows that Stream tells of it.
    async fn play(&mut self, id: &str) {
        let heard = self.stage.stream.deliveries().len();
        let request = PlayRequest { transcript: Some(TRANSCRIPT.to_owned()), ..PlayRequest::default() };
        self.stage.stream.play("default", id, request).await.unwrap();
        self.stage.app.clock.set(START.parse::<jiff::Timestamp>().unwrap() + 62.minutes());
        for event in self.stage.stream.deliveries().split_off(heard) {
            self.forget();
            let answer = self.stage.hear_stream(&event.body).await;
            assert!(answer.status < 300, "{}: {} {}", event.event_type, answer.status, answer.body);
            self.note("stream_webhook", true);
            self.stage.advance(1);
            self.follow().await;
        }
    }

    /// What else can become of bookings.
    async fn other_endings(&mut self) {
        self.stage.app.clock.set(START.parse::<jiff::Timestamp>().unwrap() - 1.hour());
        let id = self.book(LATER[0]).await;
        self.stage.advance(1);
        let booking = [("bookingId", &*id), ("startTime", LATER[1])];
        self.ask("cara", "reschedule_booking", &booking).await;
        let other = self.book(LATER[0]).await;
        self.ask("cara", "cancel_booking", &[("bookingId", &other)]).await;
        // Each says something else, although nobody was seen: that is remembered.
        self.stage.app.clock.set(LATER[1].parse::<jiff::Timestamp>().unwrap() + 61.minutes());
        self.ask("ivy", "complete_booking", &booking).await;
        let objection = json!({ "reason": "nobody came", "code": "DID_NOT_TAKE_PLACE" });
        self.call("cara", "cancel_booking", request("cancel_booking", &booking).with(objection)).await;
        self.call(ADMIN, "list_all_bookings", request("list_all_bookings", &[]).asking("limit=5")).await;
        self.settle(&id).await;
        self.somebody_leaves().await;
    }

    /// Nobody settles a booking, so the sweep sends it once it is due.
    async fn settle(&mut self, id: &str) {
        self.follow().await;
        let due_at = LATER[1].parse::<jiff::Timestamp>().unwrap() + 2.hours();
        self.stage.app.clock.set(due_at + 10.minutes());
        let effect = Effect::SettleBooking { booking_id: id.parse().unwrap(), due_at, aside_since: None };
        let message = Message { outbox_id: effect.outbox_id(), origin: None, effect };
        self.work(&Queued { queue: "settlement".to_owned(), message, receives: 1 }).await;
        let booking = self.stage.item(&format!("BOOKING#{id}"), "BOOKING").await.expect("a booking");
        assert_eq!(booking["status"], "CANCELLED", "{booking}");
        self.follow().await;
    }

    /// A candidate with a coming booking deletes their account.
    async fn somebody_leaves(&mut self) {
        self.stage.world.add_candidate("cleo", 100).await;
        let wanted = [("interviewerId", "ivy"), ("startTime", "2026-11-23T10:00:00Z")];
        self.ask("cleo", "create_booking", &wanted).await;
        self.follow().await;
        let data = json!({ "id": "cleo", "object": "user", "deleted": true });
        let gone = json!({ "type": "user.deleted", "object": "event", "data": data });
        self.forget();
        let heard = self.stage.hear_clerk(&gone.to_string()).await;
        assert_eq!(heard.status, 200, "{}", heard.body);
        self.note("clerk_webhook", true);
        self.follow().await;
    }
}

/// Whether it is published that a page ends where its reader says.
fn takes_limit(route: &Route) -> bool {
    let document = kit::openapi::document(std::slice::from_ref(route));
    let parameters = document["paths"][route.path][route.method.to_lowercase()]["parameters"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    parameters.iter().any(|parameter| parameter["name"] == "limit")
}

fn key(item: &Value) -> String {
    format!("{} {}", item["pk"]["S"], item["sk"]["S"])
}

/// The hour in which the sweep looks at a session of an hour that begins at `start`.
fn due_hour(start: &str) -> String {
    let start: jiff::Timestamp = start.parse().unwrap();
    format!("DUE#{}", (start + 2.hours()).strftime("%Y-%m-%dT%H"))
}

/// A copy of an item of the booking `of`, as if it were of another one.
fn copy(template: &Item, of: &str, hours: &(String, String), number: usize) -> Item {
    // Ids keep their length, so that a copy weighs what the original does.
    let other_id = format!("{}ZZZZ{number:08X}", &of[..of.len() - 12]);
    let number = i64::try_from(number).unwrap();
    let mut item = template.clone();
    let Stored::S(sort) = &template["sk"] else { unreachable!("keys are texts") };
    for (name, value) in &mut item {
        let Stored::S(text) = value else { continue };
        *text = text.replace(of, &other_id).replace(&hours.0, &hours.1);
        let is_key = matches!(name.as_str(), "sk" | "transactionId");
        if is_key && sort.starts_with("TX#") {
            // The last character keeps the lines of one transfer apart.
            text.replace_range(text.len() - 13..text.len() - 1, &format!("ZZZZ{number:08X}"));
        }
        if name == "sk" && sort.starts_with("DAY#") {
            // Days of long ago: what is offered now stays free.
            *text = format!("DAY#{}", date(1700, 1, 1) + number.days());
        }
        if matches!(name.as_str(), "gsi1sk" | "gsi2sk") && text.starts_with(LATER[2]) {
            // Half of the sessions are over, half are to come.
            let hours = if number % 2 == 0 { -1 - number } else { 24 * 40 + number };
            let start = LATER[2].parse::<jiff::Timestamp>().unwrap() + hours.hours();
            *text = text.replace(LATER[2], &format!("{start:.0}"));
        }
    }
    item
}

/// The most that any run of a function took.
#[derive(Debug)]
pub struct Most {
    pub calls_in_a_row: usize,
    pub reads: f64,
    pub writes: f64,
}

/// The most of these steps.
pub fn most(steps: &[&Step]) -> Most {
    Most {
        calls_in_a_row: steps.iter().map(|s| s.calls_in_a_row).max().unwrap_or(0),
        reads: steps.iter().map(|s| s.read_units()).fold(0.0, f64::max),
        writes: steps.iter().map(|s| s.write_units()).fold(0.0, f64::max),
    }
}

/// Read units that a booking may take.
pub const BOOKING_READ_UNITS: f64 = 12.0;
/// Write units that a booking may take.
pub const BOOKING_WRITE_UNITS: f64 = 40.0;

/// How many calls in a row a route that reads may make: one, with its caller, or two where what was found names what is shown
/// beside it.
pub fn calls_of_reading(function: &str) -> Option<usize> {
    match function {
        // A booking names the people whose profiles are shown with it, and so does a request for verification.
        "get_booking" | "get_call" | "list_appointments" | "list_verifications" => Some(2),
        // A page that one month does not fill goes on with the month before.
        "list_all_bookings" => Some(3),
        name if name.starts_with("get_") || name.starts_with("list_") => Some(1),
        _ => None,
    }
}

/// Which counts miss their budget: those of bookings, those of reading, and any that differ between a table with few
/// bookings and one with many.
pub fn missed(few: &Story, many: &Story) -> Vec<String> {
    let mut missed = Vec::new();
    for (step, beside_many) in few.steps.iter().zip(&many.steps) {
        if step.function != beside_many.function || step.cost() != beside_many.cost() {
            let (one, other) = (step.cost(), beside_many.cost());
            missed.push(format!("{}: {one:?} beside few bookings, {other:?} beside many", step.function));
        }
    }
    if few.steps.len() != many.steps.len() {
        missed.push(format!("{} steps beside few bookings, {} beside many", few.steps.len(), many.steps.len()));
    }
    for step in &few.steps {
        let row = step.calls_in_a_row;
        if step.function == "create_booking"
            && (row > 2 || step.read_units() > BOOKING_READ_UNITS || step.write_units() > BOOKING_WRITE_UNITS)
        {
            let (reads, writes) = (step.read_units(), step.write_units());
            missed.push(format!("a booking: {row} calls in a row, {reads} read units, {writes} write units"));
        }
        if calls_of_reading(&step.function).is_some_and(|most| row > most) {
            missed.push(format!("{}: {row} calls in a row", step.function));
        }
    }
    missed
}
