//! How a log line is written: one JSON object with the fields of the event and of every span around it side by side, so that
//! a query finds each line by the id of its request, however deep it was written.

use std::fmt;

use serde_json::{Map, Value};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope};

/// Writes such lines. What an inner span says wins over an outer one, and the event over both.
pub(crate) struct LogLine;

impl<S> FormatEvent<S, JsonFields> for LogLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Map::new();
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            if let Some(recorded) = span.extensions().get::<FormattedFields<JsonFields>>() {
                add(&mut fields, &recorded.fields);
            }
        }
        let mut own = String::new();
        context.format_fields(Writer::new(&mut own), event)?;
        add(&mut fields, &own);

        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let (level, target) = (event.metadata().level(), event.metadata().target());
        // What a person looks for first stands first.
        let message = fields.remove("message").unwrap_or_default();
        let rest = Value::Object(fields).to_string();
        write!(writer, r#"{{"timestamp":"{time}","level":"{level}","message":{message},"target":"{target}""#)?;
        match rest.trim_start_matches('{') {
            "}" => writeln!(writer, "}}"),
            rest => writeln!(writer, ",{rest}"),
        }
    }
}

fn add(fields: &mut Map<String, Value>, recorded: &str) {
    if let Ok(Value::Object(recorded)) = serde_json::from_str(recorded) {
        fields.extend(recorded);
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::json;
    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;
        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    /// The lines that `work` writes, without what differs from run to run.
    fn written(work: impl FnOnce()) -> Vec<Value> {
        let lines = Lines::default();
        let layer = tracing_subscriber::fmt::layer().fmt_fields(JsonFields::new()).event_format(LogLine);
        let subscriber = tracing_subscriber::registry().with(layer.with_writer(lines.clone()));
        tracing::subscriber::with_default(subscriber, work);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        text.lines()
            .map(|line| {
                let mut line: Value = serde_json::from_str(line).unwrap();
                let time = line.as_object_mut().unwrap().remove("timestamp").unwrap();
                assert!(time.as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{time}");
                assert!(line.as_object_mut().unwrap().remove("target").is_some());
                line
            })
            .collect()
    }

    #[test]
    fn a_line_has_the_fields_of_every_span_around_it() {
        let lines = written(|| {
            let request = tracing::info_span!("request", request.id = "r1", user.id = tracing::field::Empty);
            let _request = request.enter();
            tracing::info!("early");
            request.record("user.id", "user_1");
            let _step = tracing::info_span!("step", booking.id = "bkg_1", attempt = 1).entered();
            tracing::warn!(attempt = 2, error = "a \"quoted\" one\n", "late");
        });
        assert_eq!(lines[0], json!({ "level": "INFO", "message": "early", "request.id": "r1" }));
        assert_eq!(
            lines[1],
            json!({ "level": "WARN", "message": "late", "request.id": "r1", "user.id": "user_1", "booking.id": "bkg_1",
                "attempt": 2, "error": "a \"quoted\" one\n" })
        );
    }

    #[test]
    fn a_line_without_span_or_field_is_an_object_too() {
        assert_eq!(written(|| tracing::error!("alone")), [json!({ "level": "ERROR", "message": "alone" })]);
        assert_eq!(written(|| tracing::info!(a = 1)), [json!({ "level": "INFO", "message": null, "a": 1 })]);
    }
}
