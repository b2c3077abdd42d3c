//! Resend's webhooks, which are signed by the Svix scheme (`crate::svix`).

use std::collections::BTreeMap;
use std::fmt;

use domain::reading;
use jiff::Timestamp;
use serde::Deserialize;

use crate::delivery::{self, ParseError};

/// A delivery. `Debug` shows no address.
#[derive(Clone, PartialEq, Eq)]
pub struct ResendEvent {
    /// The e-mail that it is about: what sending it answered.
    pub email_id: String,
    /// Whom the e-mail was for.
    pub to: Vec<String>,
    /// What the e-mail was sent with.
    pub tags: BTreeMap<String, String>,
    /// When it happened.
    pub created_at: Timestamp,
    /// What happened.
    pub kind: ResendEventKind,
}

impl fmt::Debug for ResendEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResendEvent")
            .field("email_id", &self.email_id)
            .field("created_at", &self.created_at)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// What became of an e-mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResendEventKind {
    /// It left.
    Sent,
    /// The reader's server took it.
    Delivered,
    /// The reader's server does not take it for now; it is tried again.
    Delayed,
    /// The reader's server will not take it.
    Bounced(Bounce),
    /// The reader called it unwanted.
    Complained,
    /// It could not be sent.
    Failed {
        /// Resend's word for it, such as `reached_daily_quota`.
        reason: Option<String>,
    },
    /// It was not sent, because the address bounced or complained before.
    Suppressed,
    /// An event that is no concern of ours, such as that the e-mail was opened.
    Unknown {
        /// Its `type`.
        kind: String,
    },
}

/// Whether an address that bounced can be written to again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Bounce {
    /// Never.
    Permanent,
    /// Perhaps later: the mailbox is full, the e-mail too large.
    Transient,
    /// Not told, or a word that Resend added.
    #[default]
    #[serde(other)]
    Undetermined,
}

/// The events that we read.
const EVENTS: [&str; 7] = [
    "email.sent",
    "email.delivered",
    "email.delivery_delayed",
    "email.bounced",
    "email.complained",
    "email.failed",
    "email.suppressed",
];

#[derive(Deserialize)]
struct EventWire {
    created_at: Timestamp,
    data: DataWire,
}

#[derive(Deserialize)]
struct DataWire {
    email_id: String,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    to: Vec<String>,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    tags: BTreeMap<String, String>,
    bounce: Option<BounceWire>,
    failed: Option<FailedWire>,
}

#[derive(Deserialize)]
struct BounceWire {
    #[serde(rename = "type", default, deserialize_with = "crate::null::or_default")]
    kind: Bounce,
}

#[derive(Deserialize)]
struct FailedWire {
    reason: Option<String>,
}

/// Reads a verified delivery. `None` for one that is about no e-mail, such as a domain or a contact.
pub fn parse(body: &[u8]) -> Result<Option<ResendEvent>, ParseError> {
    let kind = delivery::kind(body)?;
    let event = EVENTS.into_iter().find(|known| *known == kind);
    if event.is_none() && !kind.starts_with("email.") {
        return Ok(None);
    }
    let EventWire { created_at, data } = reading::read(body).map_err(|why| ParseError { event, why })?;
    let kind = match &*kind {
        "email.sent" => ResendEventKind::Sent,
        "email.delivered" => ResendEventKind::Delivered,
        "email.delivery_delayed" => ResendEventKind::Delayed,
        "email.bounced" => ResendEventKind::Bounced(data.bounce.map(|bounce| bounce.kind).unwrap_or_default()),
        "email.complained" => ResendEventKind::Complained,
        "email.failed" => ResendEventKind::Failed { reason: data.failed.and_then(|failed| failed.reason) },
        "email.suppressed" => ResendEventKind::Suppressed,
        _ => ResendEventKind::Unknown { kind },
    };
    Ok(Some(ResendEvent { email_id: data.email_id, to: data.to, tags: data.tags, created_at, kind }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::known_answers::named;
    use serde_json::{Value, json};

    #[test]
    fn every_known_event_is_read() {
        let file: Value = serde_json::from_str(include_str!("../../vectors/resend.json")).unwrap();
        let failed = ResendEventKind::Failed { reason: Some("reached_daily_quota".into()) };
        let expected = [
            ("email.sent", ResendEventKind::Sent),
            ("email.delivered", ResendEventKind::Delivered),
            ("email.delivery_delayed", ResendEventKind::Delayed),
            ("email.bounced", ResendEventKind::Bounced(Bounce::Permanent)),
            ("email.complained", ResendEventKind::Complained),
            ("email.failed", failed),
            ("email.suppressed", ResendEventKind::Suppressed),
        ];
        for (name, kind) in expected {
            let event = parse(named(&file, name)).unwrap().unwrap();
            assert_eq!((&*event.email_id, &event.kind), ("00000000-fake-4e4a-8000-000000000001", &kind));
            assert_eq!(event.to, ["zoe.candidate@example.com"]);
            assert_eq!(event.tags["category"], "report_ready");
            assert_eq!(event.created_at.to_string(), "2026-11-20T09:29:59.881Z");
            assert!(!format!("{event:?}").contains("zoe"), "{event:?}");
        }
    }

    #[test]
    fn what_resend_adds_or_leaves_out_does_no_harm() {
        let read = |kind: &str, data: Value| {
            let event = json!({ "type": kind, "created_at": "2026-11-20T09:29:59Z", "data": data });
            parse(event.to_string().as_bytes())
        };
        for (bounce, expected) in [
            (json!({ "type": "Transient" }), Bounce::Transient),
            (json!({ "type": "New" }), Bounce::Undetermined),
            (json!({ "type": null }), Bounce::Undetermined),
            (json!(null), Bounce::Undetermined),
        ] {
            let event = read("email.bounced", json!({ "email_id": "1", "tags": null, "bounce": bounce })).unwrap();
            assert_eq!(event.unwrap().kind, ResendEventKind::Bounced(expected));
        }
        let opened = read("email.opened", json!({ "email_id": "1", "to": null, "open": {} })).unwrap().unwrap();
        assert_eq!(opened.kind, ResendEventKind::Unknown { kind: "email.opened".into() });
        assert_eq!(read("domain.created", json!(7)), Ok(None));
        let error = read("email.sent", json!({ "to": "s3cret" })).unwrap_err();
        assert_eq!(error.to_string(), "of email.sent, data.to is not a list");
        assert!(!format!("{error:?}").contains("s3cret"));
    }
}
