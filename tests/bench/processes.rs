//! What a function's program costs: its start, its first request, its memory, and the CPU of a booking. The programs are those
//! that `cargo xtask package` makes; AWS is an engine in this process behind TLS.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::{Timestamp, ToSpan};
use kit::secrets::Provider;
use serde_json::{Value, json};
use testing::gateway::event;
use testing::{Meter, ORIGIN, TABLE, TokenClaims, World, jwks};

use crate::runtime_api::Process;
use crate::table::{Table, median};
use crate::tls::{Certificates, Front};

/// How often each start is measured.
const STARTS: usize = 25;
/// How many bookings one process makes to show what one costs.
const BOOKINGS: usize = 200;
/// How many of them one person may make in an hour.
const EACH: usize = 5;
const STREAM_SECRET: &str = "stream-test-secret";

/// A function that stands for its kind.
struct Function {
    name: &'static str,
    /// Its first request; none where that needs more than a table.
    first: Option<fn(&Place) -> Value>,
    /// Whether its first request reads a secret.
    reads_secret: bool,
    /// How many calls it makes at once: each beyond the first opens a connection when it is made for the first time, which spares
    /// every later request a call in a row.
    at_once: usize,
}

const FUNCTIONS: &[Function] = &[
    Function { name: "create_booking", first: Some(booking_request), reads_secret: false, at_once: 1 },
    Function {
        name: "get_booking",
        first: Some(|p| p.get("/api/bookings/", &p.booking)),
        reads_secret: false,
        at_once: 1,
    },
    Function { name: "get_wallet", first: Some(|p| p.get("/api/wallet", "")), reads_secret: false, at_once: 1 },
    Function {
        name: "list_slots",
        first: Some(|p| p.get("/api/interviewers/ivy/slots", "")),
        reads_secret: false,
        at_once: 2,
    },
    Function { name: "stream_webhook", first: Some(Place::webhook), reads_secret: true, at_once: 1 },
    Function { name: "run_generation", first: None, reads_secret: false, at_once: 1 },
];

/// Measures every function of [`FUNCTIONS`] in `programs`, each at `<function>/bootstrap`, beside `hello`.
pub async fn measure(programs: &Path, table: &mut Table) {
    let scratch = std::env::temp_dir().join(format!("greenroom-bench-{}", std::process::id()));
    let certificates = match Certificates::make(&scratch) {
        Ok(certificates) => certificates,
        Err(why) => panic!("a certificate is needed for the functions' connections: {why}"),
    };
    let place = Place::make(&certificates).await;
    let quarter = Quarter::make();
    let program = |name: &str| programs.join(name).join("bootstrap");

    let hello = program("hello");
    let mut found = Found::default();
    let (mut hellos, mut slow_hellos) = (Vec::new(), Vec::new());
    for function in FUNCTIONS {
        let path = program(function.name);
        let start = starts(&place, &hello, &path, None).await;
        hellos.push(start.hello);
        found.starts.push(format!("`{}` **{:.1} ×**, {}", function.name, start.alone / start.hello, ms(start.alone)));
        let mut warmed = ms(start.whole);
        if let Some(quarter) = &quarter {
            let start = starts(&place, &hello, &path, Some(&quarter.0)).await;
            slow_hellos.push(start.hello);
            found.slow_starts.push(format!("`{}` {:.1} ×", function.name, start.alone / start.hello));
            warmed = format!("{warmed} / {}", ms(start.whole));
        }
        found.warmed.push(format!("`{}` {warmed}", function.name));
        counts(&place, function, &path, &mut found).await;
        if let Some(first) = function.first {
            first_requests(&place, function, first, &path, quarter.as_ref(), &mut found).await;
        }
    }
    let what = format!(
        "`hello`, the least that can be a Lambda: start to first poll, whole / quarter of a CPU (medians of {STARTS})"
    );
    let slow = if quarter.is_some() { format!(" / {}", ms(median(&slow_hellos))) } else { String::new() };
    table.row(&what, format!("{}{slow}", ms(median(&hellos))));
    let what = "start to first poll without the warm-up, as a multiple of `hello`";
    table.beside(what, found.starts.join("; "), "≤ 3.5 ×, aim 2 ×");
    if quarter.is_some() {
        table.row("the same with a quarter of a CPU", found.slow_starts.join("; "));
    } else {
        table.row("with a quarter of a CPU", "not measured: no control group can be made here");
    }
    table.row("start to first poll with the warm-up, whole / quarter of a CPU", found.warmed.join("; "));
    let what = "requests and TLS connections before the first poll";
    table.count(what, found.before_poll.join("; "), "one and one: the warm-up", found.before_poll_kept);
    let what = "TLS handshakes, fetches of keys, fetches of secrets in the first request";
    let budget = "0, 0, 0; 1 where two reads are made at once; a webhook reads its secret once";
    table.count(what, found.in_first.join("; "), budget, found.in_first_kept);
    table.beside("peak memory after the first request", found.memory.join("; "), "≤ 20 MB");
    for (share, requests) in [("a whole CPU", found.first), ("a quarter of a CPU", found.slow_first)] {
        if !requests.is_empty() {
            let what = format!("first request over TLS with {share}, over the warmed connection / without it");
            table.row(&what, requests.join("; "));
        }
    }
    bookings(&place, &program("create_booking"), table).await;
    std::fs::remove_dir_all(scratch).unwrap();
}

/// What was found of each function, by what was measured.
struct Found {
    starts: Vec<String>,
    slow_starts: Vec<String>,
    warmed: Vec<String>,
    before_poll: Vec<String>,
    before_poll_kept: bool,
    in_first: Vec<String>,
    in_first_kept: bool,
    memory: Vec<String>,
    first: Vec<String>,
    slow_first: Vec<String>,
}

impl Default for Found {
    fn default() -> Self {
        let none = Vec::new;
        Self {
            starts: none(),
            slow_starts: none(),
            warmed: none(),
            before_poll: none(),
            before_poll_kept: true,
            in_first: none(),
            in_first_kept: true,
            memory: none(),
            first: none(),
            slow_first: none(),
        }
    }
}

fn ms(value: f64) -> String {
    format!("{value:.1} ms")
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// A table with people on it, reached over TLS.
struct Place {
    world: World,
    /// Straight in front of the engine, for times.
    front: Front,
    /// In front of a meter, for counts.
    counted: Front,
    meter: Meter,
    bundle: PathBuf,
    /// Where the keys of tokens could be fetched, and whether anybody did.
    issuer: String,
    issuer_asked: std::sync::Arc<std::sync::atomic::AtomicUsize>,
    booking: String,
    slots: std::cell::Cell<usize>,
}

impl Place {
    async fn make(certificates: &Certificates) -> Self {
        let world = World::new(&tests::all_functions()).await;
        #[expect(clippy::disallowed_methods, reason = "the functions live by the real clock")]
        world.app.clock.set(Timestamp::now());
        world.add_interviewer("ivy").await;
        for number in 0..=(BOOKINGS / EACH + STARTS) {
            world.add_candidate(&format!("cara{number}"), 1000).await;
        }
        let aws = serve(Router::new().fallback(aws).with_state(world.endpoint.clone())).await;
        let meter = Meter::start(&format!("http://{aws}")).await;
        let host = |url: &str| url.trim_start_matches("http://").to_owned();
        let front = Front::start(certificates, &host(&world.endpoint)).await;
        let counted = Front::start(certificates, &host(&meter.url())).await;
        let issuer_asked = std::sync::Arc::<std::sync::atomic::AtomicUsize>::default();
        let asked = issuer_asked.clone();
        let issuer = serve(Router::new().fallback(move || {
            asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            async { StatusCode::NOT_FOUND }
        }))
        .await;
        let mut place = Self {
            world,
            front,
            counted,
            meter,
            bundle: certificates.bundle(),
            issuer: format!("http://{issuer}"),
            issuer_asked,
            booking: String::new(),
            slots: std::cell::Cell::new(0),
        };
        let wanted = json!({ "interviewerId": "ivy", "startTime": place.slot() });
        let view = place.world.call("cara0", "POST", "/api/bookings", wanted).await.expect(201);
        view["bookingId"].as_str().unwrap().clone_into(&mut place.booking);
        place
    }

    /// What the template gives a function, with AWS at `endpoint`.
    fn variables(&self, endpoint: &str) -> Vec<(String, String)> {
        let bundle = self.bundle.display().to_string();
        let jwks = jwks();
        [
            ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "bench"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_SESSION_TOKEN", "test"),
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_CA_BUNDLE", &bundle),
            ("STAGE", "local"),
            ("GIT_SHA", "bench"),
            ("TABLE_NAME", TABLE),
            ("SECRETS_PREFIX", "greenroom"),
            ("ALLOWED_ORIGINS", ORIGIN),
            ("ADMIN_USER_IDS", "user_admin"),
            ("SIGNUP_CREDITS", "0"),
            ("CATALOG_CURRENCIES", "INR,USD"),
            ("INR_PER_USD", "83"),
            ("CREDIT_PAYOUT_MINOR", "40"),
            ("PAYOUT_CURRENCY", "USD"),
            ("MIN_PAYOUT_CREDITS", "50"),
            ("PLATFORM_FEE_PERCENT", "20"),
            ("CLERK_ISSUER", &self.issuer),
            ("CLERK_JWKS", &jwks),
            ("GEMINI_MODEL", "gemini-3.8-flash"),
            ("GEMINI_FALLBACK_MODEL", "gemini-3.5-flash"),
            ("MEDIA_BUCKET", "media"),
        ]
        .into_iter()
        .chain(Provider::ALL.map(|provider| (provider.base_url_variable(), "http://127.0.0.1:9")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
    }

    /// The start of a slot that nobody has taken yet.
    fn slot(&self) -> String {
        let number = self.slots.replace(self.slots.get() + 1);
        let tomorrow = self.world.app.now() + 24.hours();
        format!("{}:00:00Z", (tomorrow + i64::try_from(number).unwrap().hours()).strftime("%Y-%m-%dT%H"))
    }

    fn get(&self, path: &str, id: &str) -> Value {
        self.request("cara0", "GET", &format!("{path}{id}"), None)
    }

    fn request(&self, who: &str, method: &str, path: &str, body: Option<&Value>) -> Value {
        #[expect(clippy::disallowed_methods, reason = "the functions live by the real clock")]
        let claims = TokenClaims::of(who, Timestamp::now()).with("iss", json!(self.issuer));
        let authorization = format!("Bearer {}", testing::token(&claims));
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        event(method, path, body.map(|body| body.to_string().into_bytes()), &headers)
    }

    fn webhook(&self) -> Value {
        let body = json!({ "type": "call.session_started", "created_at": self.world.app.now().to_string(),
            "call_cid": format!("default:{}", self.booking), "session_id": "session-1" });
        let body = body.to_string().into_bytes();
        let signature = simulators::stream_signature(STREAM_SECRET, &body);
        event("POST", "/api/webhooks/stream", Some(body), &[("x-signature", &signature)])
    }
}

fn booking_request(place: &Place) -> Value {
    let slot = place.slots.get();
    let who = format!("cara{}", 1 + slot / EACH % (BOOKINGS / EACH + STARTS));
    let wanted = json!({ "interviewerId": "ivy", "startTime": place.slot() });
    place.request(&who, "POST", "/api/bookings", Some(&wanted))
}

/// Serves a router at an address of its own, and says which.
async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    #[expect(clippy::disallowed_methods, reason = "a server of this program")]
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// The engine, with a secret beside it.
async fn aws(axum::extract::State(engine): axum::extract::State<String>, headers: HeaderMap, body: Bytes) -> Response {
    let json = [("content-type", "application/x-amz-json-1.0")];
    if headers.get("x-amz-target").is_some_and(|t| t == "secretsmanager.GetSecretValue") {
        let secret = json!({ "apiKey": "key", "apiSecret": STREAM_SECRET }).to_string();
        return (json, json!({ "Name": "stream", "SecretString": secret }).to_string()).into_response();
    }
    thread_local! {
        #[expect(clippy::disallowed_methods, reason = "local addresses only; the defaults will do")]
        static CLIENT: reqwest::Client = reqwest::Client::new();
    }
    let mut onward = CLIENT.with(Clone::clone).post(engine).body(body);
    for name in ["x-amz-target", "x-amz-date", "content-type", "authorization"] {
        if let Some(value) = headers.get(name) {
            onward = onward.header(name, value.clone());
        }
    }
    let answer = onward.send().await.unwrap();
    (answer.status(), json, answer.bytes().await.unwrap()).into_response()
}

/// Medians over several starts, in milliseconds.
struct Start {
    /// From the start to the first poll.
    whole: f64,
    /// The same without what lies between opening the connection to the table and its answer.
    alone: f64,
    /// From the start of `hello` to its first poll.
    hello: f64,
}

/// Each start comes after one of `hello`, so that whatever else this machine does slows both.
async fn starts(place: &Place, hello: &Path, program: &Path, cgroup: Option<&Path>) -> Start {
    let (mut whole, mut alone, mut hellos) = (Vec::new(), Vec::new(), Vec::new());
    // One more at the beginning, which brings the programs into memory.
    for number in 0..=STARTS {
        let (reference, _) = start(place, hello, cgroup).await;
        let (took, warming) = start(place, program, cgroup).await;
        if number > 0 {
            hellos.push(milliseconds(reference));
            whole.push(milliseconds(took));
            alone.push(milliseconds(took.saturating_sub(warming)));
        }
    }
    Start { whole: median(&whole), alone: median(&alone), hello: median(&hellos) }
}

/// How long one start takes, and how much of that lies between opening the connection to the table and its answer.
async fn start(place: &Place, program: &Path, cgroup: Option<&Path>) -> (Duration, Duration) {
    let before = place.front.wire();
    let mut process = Process::start(program, &place.variables(&place.front.url), cgroup).await;
    let polled = process.polled().await;
    let wire = place.front.wire();
    let warming = match (wire.opened, wire.answered) {
        (Some(opened), Some(answered)) if wire.connections > before.connections => answered - opened,
        _ => Duration::ZERO,
    };
    let took = polled - process.began;
    process.end().await;
    (took, warming)
}

/// What a start and a first request ask for, which is the same on every machine.
async fn counts(place: &Place, function: &Function, program: &Path, found: &mut Found) {
    let before = place.counted.wire();
    place.meter.take();
    let mut process = Process::start(program, &place.variables(&place.counted.url), None).await;
    process.polled().await;
    let warm: Vec<String> = place.meter.take().into_iter().map(|r| r.operation).collect();
    let started = place.counted.wire();
    let name = function.name;
    let connections = started.connections - before.connections;
    found.before_poll.push(format!("`{name}` {} and {connections}", warm.len()));
    found.before_poll_kept &= (warm.len(), connections) == (1, 1);
    if let Some(first) = function.first {
        let asked = place.issuer_asked.load(std::sync::atomic::Ordering::SeqCst);
        let (_, answer) = process.invoke(first(place)).await;
        assert!(matches!(answer["statusCode"].as_u64(), Some(200..300)), "{name}: {answer}");
        let operations: Vec<String> = place.meter.take().into_iter().map(|r| r.operation).collect();
        let secrets = operations.iter().filter(|o| *o == "GetSecretValue").count();
        let handshakes = place.counted.wire().connections - started.connections;
        let keys = place.issuer_asked.load(std::sync::atomic::Ordering::SeqCst) - asked;
        let expected = usize::from(function.reads_secret);
        found.in_first.push(format!("`{name}` {handshakes}, {keys}, {secrets}"));
        // Here the secret comes from the host of the table, so that even it needs no connection of its own.
        found.in_first_kept &= handshakes < function.at_once && (keys, secrets) == (0, expected);
        found.memory.push(format!("`{name}` {:.1} MB", process.peak_memory()));
    }
    process.end().await;
}

/// The first request over the connection that the start has opened, and where that was closed meanwhile.
async fn first_requests(
    place: &Place,
    function: &Function,
    first: fn(&Place) -> Value,
    program: &Path,
    quarter: Option<&Quarter>,
    found: &mut Found,
) {
    if function.reads_secret {
        return;
    }
    let mut shares = vec![(None, &mut found.first)];
    if let Some(quarter) = quarter {
        shares.push((Some(quarter.0.as_path()), &mut found.slow_first));
    }
    for (cgroup, shown) in shares {
        let mut medians = Vec::new();
        for warmed in [true, false] {
            let mut took = Vec::new();
            for _ in 0..STARTS / 2 {
                let mut process = Process::start(program, &place.variables(&place.front.url), cgroup).await;
                process.polled().await;
                if !warmed {
                    place.front.cut();
                }
                let (duration, answer) = process.invoke(first(place)).await;
                assert!(matches!(answer["statusCode"].as_u64(), Some(200..300)), "{}: {answer}", function.name);
                took.push(milliseconds(duration));
                process.end().await;
            }
            medians.push(ms(median(&took)));
        }
        shown.push(format!("`{}` {} / {}", function.name, medians[0], medians[1]));
    }
}

/// What a booking costs a process that is warm.
async fn bookings(place: &Place, program: &Path, table: &mut Table) {
    let mut process = Process::start(program, &place.variables(&place.front.url), None).await;
    process.polled().await;
    for _ in 0..EACH {
        process.invoke(booking_request(place)).await;
    }
    let before = process.cpu_ms();
    let mut took = Vec::new();
    for _ in 0..BOOKINGS - EACH {
        let (duration, answer) = process.invoke(booking_request(place)).await;
        assert_eq!(answer["statusCode"], 201, "{answer}");
        took.push(milliseconds(duration));
    }
    let count = took.len();
    let cpu = (process.cpu_ms() - before) / f64::from(u32::try_from(count).unwrap());
    let what = format!("`create_booking`: CPU of a warm booking over TLS (mean of {count})");
    table.row(&what, format!("{cpu:.2} ms; {} from event to answer (median)", ms(median(&took))));
    process.end().await;
}

/// A control group that gets a quarter of a CPU, in slices of 20 ms as on Lambda.
struct Quarter(PathBuf);

impl Quarter {
    fn make() -> Option<Self> {
        let name = format!("greenroom-bench-{}", std::process::id());
        let first = Path::new("/sys/fs/cgroup/cpu").join(&name);
        if first.parent()?.join("cpu.cfs_quota_us").is_file() && std::fs::create_dir(&first).is_ok() {
            let made = Self(first);
            std::fs::write(made.0.join("cpu.cfs_period_us"), "20000").ok()?;
            std::fs::write(made.0.join("cpu.cfs_quota_us"), "5000").ok()?;
            return Some(made);
        }
        let second = Path::new("/sys/fs/cgroup").join(&name);
        if second.parent()?.join("cgroup.controllers").is_file() && std::fs::create_dir(&second).is_ok() {
            let made = Self(second);
            std::fs::write(made.0.join("cpu.max"), "5000 20000").ok()?;
            return Some(made);
        }
        None
    }
}

impl Drop for Quarter {
    fn drop(&mut self) {
        // An empty group that stays behind does no harm.
        let _ = std::fs::remove_dir(&self.0);
    }
}
