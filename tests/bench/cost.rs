//! What one human session costs on AWS: counted requests and units at public prices. Stream and the model have prices of their own.

use tests::story::{Step, Story};

use crate::table::Table;

/// Public on-demand prices of AWS in us-east-1, in dollars, without the free tier, as of November 2025. Other regions differ: see
/// the price pages of DynamoDB, Lambda, API Gateway, SQS, S3, CloudWatch and Secrets Manager at aws.amazon.com.
const READ_UNIT: f64 = 0.125e-6;
const WRITE_UNIT: f64 = 0.625e-6;
const LAMBDA_REQUEST: f64 = 0.20e-6;
/// On arm64.
const LAMBDA_GB_SECOND: f64 = 0.000_013_333_4;
const HTTP_API_REQUEST: f64 = 1.00e-6;
const QUEUE_REQUEST: f64 = 0.40e-6;
const BUCKET_PUT: f64 = 0.005e-3;
const BUCKET_GET: f64 = 0.000_4e-3;
const LOG_GB: f64 = 0.50;

/// Assumed, because only AWS can tell: what an invocation is billed beyond waiting for a model, and how long that waits.
const INVOCATION_SECONDS: f64 = 0.1;
const MODEL_SECONDS: f64 = 60.0;
/// Assumed: what an invocation logs, its own line and those of Lambda.
const LOG_BYTES: f64 = 1_000.0;

/// Rows about the session of the story.
pub fn measure(story: &Story, table: &mut Table) {
    let session: Vec<&Step> = story.steps.iter().filter(|s| s.in_session).collect();
    let count = |wanted: &dyn Fn(&Step) -> bool| number(session.iter().filter(|s| wanted(s)).count());
    let asked =
        |operation: &str| number(session.iter().flat_map(|s| &s.readings).filter(|r| r.operation == operation).count());
    let requests = count(&|s| s.is_route);
    let workers = count(&|s| s.function.starts_with("run_"));
    let relays = count(&|s| s.function == "relay_outbox");
    let invocations = requests + workers + relays;
    let reads: f64 = session.iter().map(|s| s.read_units()).sum();
    let writes: f64 = session.iter().map(|s| s.write_units()).sum();
    // Lambda takes each message from its queue and deletes it.
    let queue = asked("SendMessageBatch") + 2.0 * workers;
    let (puts, gets) = (asked("PUT") + asked("POST"), asked("GET"));

    let generations = count(&|s| s.function == "run_generation" || s.function == "suggest_questions");
    let seconds = invocations * INVOCATION_SECONDS * 0.25 + generations * MODEL_SECONDS * 0.5;
    let lines = [
        ("table", reads * READ_UNIT + writes * WRITE_UNIT),
        ("gateway", requests * HTTP_API_REQUEST),
        ("Lambda requests", invocations * LAMBDA_REQUEST),
        ("queues", queue * QUEUE_REQUEST),
        ("bucket requests", puts * BUCKET_PUT + gets * BUCKET_GET),
    ];
    let metered: f64 = lines.iter().map(|(_, dollars)| dollars).sum();
    let assumed = seconds * LAMBDA_GB_SECOND + invocations * LOG_BYTES / 1e9 * LOG_GB;
    table.row(
        "a session from search to review: counted",
        format!(
            "{requests} requests ({} of them webhooks), {workers} messages, {relays} relayed rows, {reads} read and {writes} write units, \
             {queue} queue, {puts} + {gets} bucket requests",
            count(&|s| s.function.ends_with("_webhook"))
        ),
    );
    let parts: Vec<String> = lines.iter().map(|(name, dollars)| format!("{name} {}", millionths(*dollars))).collect();
    table.row(
        "its price by these counts (us-east-1, November 2025; no free tier, nothing that is paid by the month)",
        format!("**${metered:.6}**; in millionths of a dollar: {}", parts.join(", ")),
    );
    table.row(
        "with assumed run time and logs",
        format!(
            "${:.6}: 100 ms of 256 MB and 1 kB of log per invocation, and {generations} waits for a model of a minute at 512 MB",
            metered + assumed
        ),
    );
    let (prompt, output) = story.tokens;
    table.row(
        "beside that, at other people's prices",
        format!("the model: {prompt} tokens in and {output} out for the feedback of a transcript of {} kB, as its simulator counts; Stream's minutes; the recording's gigabytes", story.transcript_bytes / 1000),
    );
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

fn millionths(dollars: f64) -> String {
    format!("{:.1}", dollars * 1e6)
}
