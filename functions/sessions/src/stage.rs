//! For tests: an application with a table, Stream, Gemini, S3 and SQS of its own, and a booking.

use domain::attendance::Attendance;
use domain::booking::{Applied, Booking, Cancelling};
use domain::consent::CONSENT_VERSION;
use domain::feedback::FeedbackRecord;
use domain::ids::{BookingId, TransactionId, UserId};
use domain::money::Asset;
use domain::party::Party;
use jiff::{SignedDuration, Timestamp};
use kit::App;
use kit::secrets::Provider;
use kit::worker::ReceivedMessage;
use simulators::{Gemini, GeminiOptions, Stream, StreamOptions};
use store::media::{MediaKind, StoredFile};
use store::outbox::{Effect, Message, StreamFile};
use store::{Tx, keys};
use testing::{Beginning, FakeAws, Options, World, noon};
use ulid::Ulid;

/// Everything a worker may reach.
pub struct Stage {
    /// The application.
    pub app: App,
    /// The table's world.
    pub world: World,
    /// S3 and SQS.
    pub aws: FakeAws,
    /// Stream.
    pub stream: Stream,
    /// Gemini.
    pub gemini: Gemini,
}

/// What the price of the booking is.
pub const PRICE: u64 = 20;

/// The booking's id.
pub fn booking_id() -> BookingId {
    BookingId::new(Ulid::from_parts(1_795_167_000_000, 7))
}

/// Its call, as Stream's simulator names it.
pub fn cid() -> String {
    format!("default:{}", booking_id())
}

/// A message for the first time.
pub fn received(effect: Effect) -> ReceivedMessage {
    ReceivedMessage { message: Message { outbox_id: effect.outbox_id(), origin: None, effect }, receive_count: 1 }
}

static BEGINNING: Beginning = Beginning::new();

impl Stage {
    /// A stage with `cara`, who has 100 credits, and `ivy`.
    pub async fn new() -> Self {
        Self::with(StreamOptions::default()).await
    }

    /// The same with other manners of Stream.
    pub async fn with(stream: StreamOptions) -> Self {
        let (api_key, api_secret) = (Some("key_test".to_owned()), Some("stream-test-secret".to_owned()));
        let stream = Stream::start(StreamOptions { api_key, api_secret, ..stream }).await.unwrap();
        let api_key = Some("gemini-test-key".to_owned());
        let gemini = Gemini::start(GeminiOptions { api_key, ..GeminiOptions::default() }).await.unwrap();
        let table = BEGINNING.table(async |world| {
            world.add_candidate("cara", 100).await;
            world.add_interviewer("ivy").await;
        });
        let base_urls = [(Provider::Stream, stream.base_url()), (Provider::Gemini, gemini.base_url())].into();
        let options = Options { base_urls, table: Some(table.await), ..Options::default() };
        let (world, app, aws) = World::beside_aws(options).await;
        Self { app, world, aws, stream, gemini }
    }

    /// Books `cara` with `ivy` for an hour from `start`, and holds the price.
    pub async fn book(&self, id: BookingId, start: Timestamp, consents: bool) -> Booking {
        let (cara, ivy) = ("cara".parse().unwrap(), "ivy".parse().unwrap());
        let times = (start, start + SignedDuration::from_mins(60));
        let (mut booking, hold) = Booking::schedule(id, &cara, &ivy, times, PRICE, noon());
        if consents {
            for party in [Party::Interviewee, Party::Interviewer] {
                booking.consents.say(party, CONSENT_VERSION, true, noon()).unwrap();
            }
        }
        let items = self.app.table.batch_get(&[keys::wallet(&cara, Asset::Credit)]).await.unwrap();
        let mut wallet = store::wallet::wallet(&items, &cara, Asset::Credit).unwrap();
        let mut tx = Tx::new();
        let new_id = || TransactionId::new(self.app.ids.unique(noon()));
        store::wallet::write_transfer(&mut tx, &hold, &mut [&mut wallet], new_id).unwrap();
        store::booking::create(&mut tx, &booking).unwrap();
        tx.commit(&self.app.table).await.unwrap();
        self.booking_of(id).await
    }

    /// The booking that most tests are about, from noon.
    pub async fn booked(&self, consents: bool) -> Booking {
        self.book(booking_id(), noon(), consents).await
    }

    /// A booking as it is stored.
    pub async fn booking_of(&self, id: BookingId) -> Booking {
        store::booking::get(&self.app.table, id).await.unwrap().unwrap()
    }

    /// The tests' booking as it is stored.
    pub async fn booking(&self) -> Booking {
        self.booking_of(booking_id()).await
    }

    /// Changes the tests' booking.
    pub async fn change(&self, change: impl FnOnce(Booking) -> Booking) {
        let before = self.booking().await;
        let mut tx = Tx::new();
        store::booking::replace(&mut tx, &before, &change(before.clone())).unwrap();
        tx.commit(&self.app.table).await.unwrap();
    }

    /// Cancels the tests' booking; what that moves is of no interest here.
    pub async fn cancel(&self) {
        self.change(|booking| {
            let before_start = booking.start_time - SignedDuration::from_hours(1);
            let cancelled =
                booking.cancel(Party::Interviewee, "ill".into(), None, &Attendance::default(), before_start);
            let Ok(Applied::Now(Cancelling::Released(cancelled, _))) = cancelled else { panic!("it can be cancelled") };
            cancelled
        })
        .await;
    }

    /// The candidate's word on being recorded.
    pub async fn candidate_says(&self, record: bool) {
        self.change(|mut booking| {
            booking.consents.say(Party::Interviewee, CONSENT_VERSION, record, noon()).unwrap();
            booking
        })
        .await;
    }

    /// A person's credits: available, held, earned.
    pub async fn balances(&self, user: &str) -> (u64, u64, u64) {
        let user: UserId = user.parse().unwrap();
        let [credit, _] = store::wallet::of_user(&self.app.table, &user).await.unwrap();
        (credit.available, credit.held, credit.earned)
    }

    /// The stored feedback.
    pub async fn feedback(&self) -> Option<FeedbackRecord> {
        store::feedback::get(&self.app.table, booking_id()).await.unwrap()
    }

    /// Stores a transcript as the media worker does.
    pub async fn add_transcript(&self, session: &str, start: Timestamp, jsonl: &str) {
        let file = StreamFile {
            session_id: session.to_owned(),
            filename: "t.jsonl".to_owned(),
            url: String::new(),
            start_time: start,
            end_time: start + SignedDuration::from_mins(30),
        };
        let object_key = MediaKind::Transcript.object_key(booking_id(), &file);
        self.aws.kept().objects.insert(object_key.clone(), jsonl.as_bytes().to_vec());
        let stored = StoredFile {
            session_id: file.session_id,
            filename: file.filename,
            object_key: Some(object_key),
            start_time: file.start_time,
            end_time: file.end_time,
            bytes: jsonl.len() as u64,
        };
        let mut tx = Tx::new();
        store::media::write(&mut tx, booking_id(), MediaKind::Transcript, &stored).unwrap();
        tx.commit(&self.app.table).await.unwrap();
    }

    /// The ids of all outbox rows that wait to be relayed, sorted.
    pub async fn waiting(&self) -> Vec<String> {
        testing::waiting(&self.app).await
    }
}

/// An interview with enough to judge, as Stream writes it, with these user ids as speakers.
#[expect(clippy::similar_names, reason = "they are the product's words for the two parties")]
pub fn transcript_of(interviewee: &str, interviewer: &str) -> String {
    const ASKED: [&str; 5] = [
        "Could you walk me through how you would store the orders of a busy shop?",
        "How do you make sure that nothing is lost when a worker crashes?",
        "What would you measure before you change anything?",
        "How would you find out why a query became slow?",
        "Is there anything you would do differently next time?",
    ];
    const ANSWERED: [&str; 5] = [
        "I would write every order and its outbox row in one transaction, because then either both exist or neither does, \
         and a reader never sees half of an order.",
        "A worker takes a message, does the work and deletes the message afterwards, so that a crash in between only means \
         that the work is done twice, which is why every step has to be idempotent.",
        "Before I touch the code I would measure the latency at the ninety ninth percentile and the number of requests per \
         second, for example over a whole week.",
        "I would look at the plan of the query first, compare the estimated rows with the real ones, and then decide \
         whether an index or another shape of the data is the better trade-off.",
        "Next time I would ask more questions at the beginning, since the requirements changed twice while we were already \
         building the wrong thing.",
    ];
    let mut lines = String::new();
    for (turn, (asked, answered)) in ASKED.iter().zip(ANSWERED).enumerate() {
        let from = turn * 60_000;
        for (speaker, text, start, end) in
            [(interviewer, *asked, from, from + 6_000), (interviewee, answered, from + 8_000, from + 40_000)]
        {
            let line = serde_json::json!({ "speaker_id": speaker, "type": "speech", "text": text, "start_ts": start,
                "stop_ts": end });
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
    }
    lines
}
