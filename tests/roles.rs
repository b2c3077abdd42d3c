//! Every role against every route: complete by construction, since it goes over the routes themselves.

use domain::user::Role;
use kit::Who;
use serde_json::{Value, json};
use testing::World;

/// A concrete path with ids of the right form that belong to nobody.
fn path_of(pattern: &str) -> String {
    pattern
        .replace("{bookingId}", "bkg_01ARZ3NDEKTSV4RRFFQ69G5FAV")
        .replace("{callId}", "bkg_01ARZ3NDEKTSV4RRFFQ69G5FAV")
        .replace("{availabilityId}", "avl_01ARZ3NDEKTSV4RRFFQ69G5FAV")
        .replace("{interviewerId}", "nobody")
        .replace("{userId}", "nobody")
}

/// A body that is well-formed for its route, so that the role is what is judged.
fn body_of(name: &str) -> Value {
    match name {
        "create_booking" => json!({ "interviewerId": "nobody", "startTime": "2026-11-21T10:00:00Z" }),
        "reschedule_booking" => json!({ "startTime": "2026-11-21T10:00:00Z" }),
        "cancel_booking" => json!({ "reason": "plans changed" }),
        "review_booking" => json!({ "rating": 5 }),
        "give_consent" => json!({ "version": "2026-11", "record": true }),
        "submit_verification" => json!({ "notes": "Please." }),
        "create_availability" => testing::availability_all_day(60),
        "decide_verification" => json!({ "decision": "VERIFIED" }),
        "adjust_credits" => json!({ "amount": 1, "reason": "a gift" }),
        "onboard" => json!({ "role": "INTERVIEWEE" }),
        _ => json!({}),
    }
}

fn admitted(who: Who, role: Option<Role>) -> bool {
    match who {
        Who::Anyone | Who::Signed => true,
        Who::SignedIn => role.is_some(),
        Who::Onboarded | Who::PartiesOrAdmin => matches!(role, Some(r) if r != Role::Unassigned),
        // An admin is never a party, and other people's bookings do not exist: whether 403 or 404, they are not served.
        Who::Parties | Who::Participant => matches!(role, Some(Role::Interviewee | Role::Interviewer)),
        Who::Interviewee => role == Some(Role::Interviewee),
        Who::Interviewer => role == Some(Role::Interviewer),
        Who::Admin => role == Some(Role::Admin),
    }
}

#[tokio::test]
async fn a_route_serves_whom_it_says_it_serves() {
    let routes = tests::all_routes();
    let world = World::new(&routes).await;
    for (user, role) in
        [("user_candidate", Role::Interviewee), ("user_admin", Role::Admin), ("user_demoted", Role::Admin)]
    {
        world.add_person(user, role).await;
    }
    world.add_interviewer("user_interviewer").await;
    let callers = [
        (None, None),
        (Some("user_unknown"), Some(Role::Unassigned)),
        // Stored as an admin, and not named by the deployment: nothing at all.
        (Some("user_demoted"), Some(Role::Unassigned)),
        (Some("user_candidate"), Some(Role::Interviewee)),
        (Some("user_interviewer"), Some(Role::Interviewer)),
        (Some("user_admin"), Some(Role::Admin)),
    ];
    for route in &routes {
        for (user, role) in callers {
            if route.name == "onboard" && role.is_some() {
                continue; // It changes the caller's role, which the rest of the table relies on.
            }
            let (path, body) = (path_of(route.path), body_of(route.name));
            let has_body = route.body.is_some();
            let answer = match user {
                Some(user) => {
                    let body = if has_body { body } else { Value::Null };
                    world.call(user, route.method, &path, body).await
                }
                None => world.send(route.method, &path, None, &[]).await,
            };
            let label = format!("{:?} on {}: {} {}", role, route.name, answer.status, answer.body);
            assert!(answer.status < 500 || route.name == "suggest_questions", "{label}");
            match (route.who, role) {
                (Who::Signed, _) => assert_eq!(answer.code(), "invalid_signature", "{label}"),
                (who, None) if who.needs_token() => assert_eq!(answer.code(), "unauthenticated", "{label}"),
                (who, Some(Role::Unassigned)) if !admitted(who, role) => {
                    assert_eq!((answer.status, answer.code()), (403, "onboarding_required"), "{label}");
                }
                (who, role) if admitted(who, role) => {
                    assert!(!matches!(answer.status, 401 | 403), "{label}");
                }
                _ => assert!(matches!(answer.code(), "forbidden" | "not_found"), "{label}"),
            }
        }
    }
}

#[tokio::test]
async fn a_token_that_is_not_good_opens_nothing() {
    let routes = tests::all_routes();
    let world = World::new(&routes).await;
    world.add_person("user_candidate", Role::Interviewee).await;
    let claims = || testing::TokenClaims::of("user_candidate", world.app.now());
    let now = world.app.now().as_second();
    let good = testing::token(&claims());
    let bad = [
        testing::token(&claims().with("exp", json!(now - 60))),
        testing::token(&claims().with("nbf", json!(now + 60))),
        testing::token(&claims().with("iss", json!("https://other.example"))),
        testing::token(&claims().with("azp", json!("https://evil.example"))),
        testing::token(&claims().with("azp", Value::Null)),
        testing::token(&claims().with("sts", json!("pending"))),
        testing::token(&claims().with("sub", Value::Null)),
        format!("{}x", &good[..good.len() - 1]),
        "garbage".to_owned(),
    ];
    for route in routes.iter().filter(|r| r.who.needs_token()) {
        for token in &bad {
            let authorization = format!("Bearer {token}");
            let headers = [("authorization", authorization.as_str())];
            let answer = world.send(route.method, &path_of(route.path), None, &headers).await;
            answer.refused(401, "unauthenticated");
        }
    }
}

#[tokio::test]
async fn a_deleted_account_is_told_so_everywhere() {
    let routes = tests::all_routes();
    let world = World::new(&routes).await;
    let id = world.add_person("user_gone", Role::Interviewee).await;
    let stored = store::user::get(&world.app.table, &id).await.unwrap().unwrap();
    let mut tx = store::Tx::new();
    store::user::write(&mut tx, Some(&stored), &stored.tombstone(world.app.now())).unwrap();
    tx.commit(&world.app.table).await.unwrap();
    for route in routes.iter().filter(|r| r.who.needs_token()) {
        let body = if route.body.is_some() { body_of(route.name) } else { Value::Null };
        let answer = world.call("user_gone", route.method, &path_of(route.path), body).await;
        answer.refused(403, "account_deleted");
    }
}
