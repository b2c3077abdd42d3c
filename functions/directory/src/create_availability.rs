//! `POST /api/availability`: an interviewer declares when they can be booked.

use axum::extract::State;
use axum::response::Response;
use domain::availability::{AvailabilityRule, NewAvailability};
use domain::ids::AvailabilityId;
use domain::rate_limit::RateRule;
use http::StatusCode;
use kit::callers::Interviewer;
use kit::extract::RequestBody;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get, Put, Update};
use kit::{App, Error, Route, Who, Write};
use serde::Deserialize;
use store::{Tx, availability, keys};

/// The route.
pub fn route() -> Route {
    Route::post("create_availability", "/api/availability", Who::Interviewer, create_availability)
        .about(
            "Create an availability rule. It applies once, or every week in local time, which follows daylight \
             saving time. The window is divided into slots of `sessionMinutes` from its start. An interviewer can \
             have up to 60 rules, which must not overlap, with about 900 exceptions in total.",
        )
        .body::<NewAvailability>()
        .example(
            r#"{ "kind": "WEEKLY", "weekdays": ["MO", "WE", "FR"], "startLocal": "18:00", "endLocal": "21:00",
                "timezone": "Europe/Berlin", "from": "2026-11-01", "sessionMinutes": 60 }"#,
        )
        .answers::<AvailabilityRule>(201)
        .idempotent()
        .refuses(&[(409, "availability_overlap"), (409, "availability_limit")])
        .needs(Needs::table(&[Get, BatchGet, Put, Update]))
}

/// What is declared.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Members")]
struct Declared(NewAvailability);

impl RequestBody for Declared {}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Kind {
    OneTime,
    Weekly,
}

/// The members of both kinds of rule. Read side by side, because serde cannot say which member of a tagged enum it
/// refuses.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Members {
    kind: Kind,
    start_time: Option<String>,
    end_time: Option<String>,
    weekdays: Option<Vec<String>>,
    start_local: Option<String>,
    end_local: Option<String>,
    timezone: Option<String>,
    from: Option<String>,
    until: Option<String>,
    exceptions: Option<Vec<String>>,
    session_minutes: u32,
}

impl TryFrom<Members> for Declared {
    type Error = String;
    fn try_from(members: Members) -> Result<Self, String> {
        let of_one_time = [("startTime", members.start_time.is_some()), ("endTime", members.end_time.is_some())];
        let of_weekly = [
            ("weekdays", members.weekdays.is_some()),
            ("startLocal", members.start_local.is_some()),
            ("endLocal", members.end_local.is_some()),
            ("timezone", members.timezone.is_some()),
            ("from", members.from.is_some()),
            ("until", members.until.is_some()),
            ("exceptions", members.exceptions.is_some()),
        ];
        let (foreign, own) = match members.kind {
            Kind::OneTime => (&of_weekly[..], &of_one_time[..]),
            Kind::Weekly => (&of_one_time[..], &of_weekly[..]),
        };
        if let Some((member, _)) = foreign.iter().find(|(_, is_given)| *is_given) {
            let own: Vec<String> = own.iter().map(|(member, _)| format!("`{member}`")).collect();
            return Err(format!("unknown field `{member}`, expected one of {}", own.join(", ")));
        }
        let missing = |member: &str| format!("missing field `{member}`");
        let session_minutes = members.session_minutes;
        Ok(Self(match members.kind {
            Kind::OneTime => NewAvailability::OneTime {
                start_time: members.start_time.ok_or_else(|| missing("startTime"))?,
                end_time: members.end_time.ok_or_else(|| missing("endTime"))?,
                session_minutes,
            },
            Kind::Weekly => NewAvailability::Weekly {
                weekdays: members.weekdays.ok_or_else(|| missing("weekdays"))?,
                start_local: members.start_local.ok_or_else(|| missing("startLocal"))?,
                end_local: members.end_local.ok_or_else(|| missing("endLocal"))?,
                timezone: members.timezone.ok_or_else(|| missing("timezone"))?,
                from: members.from.ok_or_else(|| missing("from"))?,
                until: members.until,
                exceptions: members.exceptions.unwrap_or_default(),
                session_minutes,
            },
        }))
    }
}

async fn create_availability(State(app): State<App>, write: Write<Interviewer, Declared>) -> Result<Response, Error> {
    write.run(&app, || attempt(&app, &write)).await
}

async fn attempt(app: &App, write: &Write<Interviewer, Declared>) -> Result<Response, Error> {
    let me = write.user_id();
    let begun = write.begin(app, RateRule::Writes, &[keys::availability(me)]).await?;
    let mut mine = availability::rules(&begun.items, me)?;
    let id = AvailabilityId::new(app.ids.unique(begun.now));
    let rule = write.body.0.clone().check(id, begun.now)?;
    mine.add(rule.clone(), begun.now)?;
    let mut tx = Tx::new();
    availability::write(&mut tx, me, &mine)?;
    begun.commit(app, tx, StatusCode::CREATED, &rule).await
}

#[cfg(test)]
mod tests {
    use crate::test_requests::{is_for_interviewers, refused_fields, world};
    use domain::user::Role;
    use serde_json::{Value, json};
    use testing::World;

    const PATH: &str = "/api/availability";

    fn weekly() -> Value {
        json!({ "kind": "WEEKLY", "weekdays": ["WE", "MO"], "startLocal": "18:00", "endLocal": "21:00",
            "timezone": "Europe/Berlin", "from": "2026-11-01", "sessionMinutes": 45 })
    }

    fn one_time(day: u32) -> Value {
        json!({ "kind": "ONE_TIME", "startTime": format!("2026-12-{day:02}T10:00:00Z"),
            "endTime": format!("2026-12-{day:02}T12:00:00Z"), "sessionMinutes": 60 })
    }

    /// A world with an interviewer, `max`, who has no rules yet.
    async fn without_rules() -> World {
        let world = world().await;
        world.add_person("max", Role::Interviewer).await;
        world
    }

    async fn rules(world: &World) -> usize {
        let list = world.call("max", "GET", "/api/availability?limit=100", Value::Null).await.expect(200);
        list["items"].as_array().unwrap().len()
    }

    #[tokio::test]
    async fn a_weekly_rule_is_answered_as_it_is_kept() {
        let world = without_rules().await;
        let mut rule = world.call("max", "POST", PATH, weekly()).await.expect(201);
        let id = rule.as_object_mut().unwrap().remove("availabilityId").unwrap();
        assert!(id.as_str().unwrap().starts_with("avl_"));
        assert_eq!(
            rule,
            json!({ "kind": "WEEKLY", "weekdays": ["MO", "WE"], "startLocal": "18:00", "endLocal": "21:00",
                "timezone": "Europe/Berlin", "from": "2026-11-01", "until": null, "exceptions": [],
                "sessionMinutes": 45, "createdAt": "2026-11-20T12:00:00Z" })
        );
        assert_eq!(rules(&world).await, 1);
    }

    #[tokio::test]
    async fn a_one_time_rule_lets_bookings_know_of_the_change() {
        let world = without_rules().await;
        let rule = world.call("max", "POST", PATH, one_time(1)).await.expect(201);
        assert_eq!((&rule["kind"], &rule["startTime"]), (&json!("ONE_TIME"), &json!("2026-12-01T10:00:00Z")));
        let key = store::keys::bookable(&"max".parse().unwrap());
        let bookable: domain::bookable::Bookable = world.app.table.get(&key).await.unwrap().unwrap();
        assert_eq!(bookable.availability_version, 1);
    }

    #[tokio::test]
    async fn a_rule_that_overlaps_an_own_one_is_refused() {
        let world = without_rules().await;
        world.call("max", "POST", PATH, one_time(1)).await.expect(201);
        world.call("max", "POST", PATH, one_time(1)).await.refused(409, "availability_overlap");
        world.call("max", "POST", PATH, one_time(2)).await.expect(201);
        assert_eq!(rules(&world).await, 2);
    }

    #[tokio::test]
    async fn two_overlapping_rules_at_once_become_one() {
        let world = without_rules().await;
        let call = || world.call("max", "POST", PATH, one_time(1));
        let (one, two) = tokio::join!(call(), call());
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!((statuses, rules(&world).await), ([201, 409], 1));
    }

    #[tokio::test]
    async fn the_sixty_first_rule_is_refused() {
        let world = without_rules().await;
        let max = "max".parse().unwrap();
        for n in 0..60 {
            let (day, hour) = (1 + n / 3, 8 + n % 3);
            let at = |hour| format!("2026-12-{day:02}T{hour:02}:00:00Z");
            let rule =
                json!({ "kind": "ONE_TIME", "startTime": at(hour), "endTime": at(hour + 1), "sessionMinutes": 60 });
            world.offer(&max, rule).await;
        }
        world.call("max", "POST", PATH, one_time(28)).await.refused(409, "availability_limit");
    }

    #[tokio::test]
    async fn rules_that_are_too_long_together_are_refused_with_what_to_do() {
        let world = without_rules().await;
        let long = |year: i16| {
            let day = |n| (jiff::civil::Date::constant(year, 1, 1) + jiff::Span::new().days(n)).to_string();
            let dates: Vec<String> = (0..365).map(day).collect();
            json!({ "kind": "WEEKLY", "weekdays": ["MO"], "startLocal": "10:00", "endLocal": "11:00", "timezone": "UTC",
                "from": day(0), "until": day(364), "exceptions": dates, "sessionMinutes": 60 })
        };
        let max = "max".parse().unwrap();
        for year in 2027..2033 {
            world.offer(&max, long(year)).await;
        }
        let answer = world.call("max", "POST", PATH, long(2034)).await;
        assert_eq!(refused_fields(&answer), ["exceptions"]);
        assert!(answer.body["errors"][0]["message"].as_str().unwrap().contains("leave out dates"), "{}", answer.body);
        assert_eq!(rules(&world).await, 6);
        world.call("max", "POST", PATH, one_time(1)).await.expect(201);
    }

    #[tokio::test]
    async fn every_member_that_is_wrong_is_named() {
        let world = without_rules().await;
        for (base, member, value, field) in [
            (weekly(), "kind", json!("DAILY"), "kind"),
            (weekly(), "kind", json!("ONE_TIME"), "weekdays"),
            (one_time(1), "kind", json!("WEEKLY"), "startTime"),
            (weekly(), "weekdays", json!(["XX"]), "weekdays"),
            (weekly(), "weekdays", json!("MO"), "weekdays"),
            (weekly(), "weekdays", json!([1]), "weekdays[0]"),
            (weekly(), "weekdays", Value::Null, "weekdays"),
            (weekly(), "startLocal", json!("18:07"), "startLocal"),
            (weekly(), "endLocal", json!("17:00"), "endLocal"),
            (weekly(), "timezone", json!("Mars/Base"), "timezone"),
            (weekly(), "from", json!("2026-02-30"), "from"),
            (weekly(), "until", json!("2026-11-10"), "until"),
            (weekly(), "exceptions", json!(["soon"]), "exceptions"),
            (weekly(), "sessionMinutes", json!(40), "sessionMinutes"),
            (weekly(), "sessionMinutes", json!("45"), "sessionMinutes"),
            (weekly(), "sessionMinutes", json!(-45), "sessionMinutes"),
            (weekly(), "startTime", json!("2026-12-01T10:00:00Z"), "startTime"),
            (one_time(1), "startTime", json!("2026-12-01T10:07:00Z"), "startTime"),
            (one_time(1), "startTime", json!("2028-12-01T10:00:00Z"), "endTime"),
            (one_time(1), "endTime", json!("tomorrow"), "endTime"),
            (one_time(1), "endTime", json!("2026-12-03T12:00:00Z"), "endTime"),
            (one_time(1), "timezone", json!("UTC"), "timezone"),
            (one_time(1), "colour", json!("red"), "colour"),
        ] {
            let mut body = base;
            body[member] = value;
            let answer = world.call("max", "POST", PATH, body).await;
            assert_eq!(refused_fields(&answer), [field], "{}", answer.body);
        }
        let answer = world.call("max", "POST", PATH, json!({})).await;
        assert_eq!(refused_fields(&answer), ["kind"]);
        world.call("max", "POST", PATH, Value::Null).await.refused(400, "malformed_request");
        assert_eq!(rules(&world).await, 0);
    }

    #[tokio::test]
    async fn the_same_key_gets_the_first_answer_and_serves_no_other_body() {
        let world = without_rules().await;
        let key = [("idempotency-key", "k1")];
        let first = world.call_with("max", "POST", PATH, one_time(1), &key).await.expect(201);
        let again = world.call_with("max", "POST", PATH, one_time(1), &key).await;
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(again.expect(201), first);
        let other = world.call_with("max", "POST", PATH, one_time(2), &key).await;
        other.refused(422, "idempotency_key_reused");
        assert_eq!(rules(&world).await, 1);
    }

    #[tokio::test]
    async fn only_interviewers_have_availability() {
        let world = world().await;
        is_for_interviewers(&world, "POST", PATH, one_time(1)).await;
    }
}
