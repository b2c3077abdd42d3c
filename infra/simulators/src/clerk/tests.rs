use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use super::*;
use crate::test_receiver::Receiver;

const VECTORS: &str = include_str!("../../tests/vectors/clerk.json");

async fn clerk() -> Clerk {
    Clerk::start(ClerkOptions::default()).await.unwrap()
}

fn user(id: &str) -> UserInput {
    UserInput {
        id: Some(id.into()),
        first_name: Some("Zoë".into()),
        last_name: Some("Candidate".into()),
        email: Some("zoe@example.com".into()),
        ..UserInput::default()
    }
}

/// Verifies a token as our product must, with a library of its own.
fn verify(token: &str, jwks: &Value, issuer: &str, party: &str) -> Result<Value, String> {
    let header = decode_header(token).map_err(|error| error.to_string())?;
    let kid = header.kid.ok_or("no kid")?;
    let keys = jwks["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["kid"] == kid).ok_or("unknown kid")?;
    let key = DecodingKey::from_rsa_components(key["n"].as_str().unwrap(), key["e"].as_str().unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_issuer(&[issuer]);
    validation.validate_nbf = true;
    validation.leeway = 5;
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "sub"]);
    let claims = decode::<Value>(token, &key, &validation).map_err(|error| error.to_string())?.claims;
    if claims["azp"] != party {
        return Err("azp".into());
    }
    if claims["sts"] != "active" {
        return Err("sts".into());
    }
    if claims["iat"].as_i64().unwrap() > clock::now().as_second() + 5 {
        return Err("iat".into());
    }
    Ok(claims)
}

async fn get(url: &str, bearer: Option<&str>) -> (u16, Value) {
    let mut request = reqwest::Client::new().get(url);
    if let Some(bearer) = bearer {
        request = request.bearer_auth(bearer);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn post(url: String, body: Value) -> (u16, Value) {
    let response = reqwest::Client::new().post(url).json(&body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_session_token_has_the_documented_claims_and_verifies() {
    let clerk = clerk().await;
    let claims =
        verify(&clerk.session_token("user_1"), &clerk.jwks(), clerk.issuer(), "http://localhost:3000").unwrap();
    assert_eq!(claims["sub"], "user_1");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    for name in vectors["claims"].as_object().unwrap().keys() {
        assert!(claims.get(name).is_some(), "{name} is missing");
    }
}

#[tokio::test]
async fn every_flaw_makes_a_token_that_is_refused() {
    let clerk = clerk().await;
    let flaws = [
        Flaw::Expired,
        Flaw::NotYetValid,
        Flaw::IssuedInFuture,
        Flaw::WrongIssuer,
        Flaw::NoAuthorizedParty,
        Flaw::WrongAuthorizedParty,
        Flaw::AlgorithmNone,
        Flaw::SymmetricWithPublicKey,
        Flaw::Pending,
        Flaw::UnknownKey,
        Flaw::ForeignKey,
        Flaw::NoSubject,
        Flaw::Tampered,
        Flaw::Garbage,
    ];
    for flaw in flaws {
        let request = TokenRequest { user_id: "user_1".into(), flaw: Some(flaw), ..TokenRequest::default() };
        let token = clerk.token(&request);
        let result = verify(&token, &clerk.jwks(), clerk.issuer(), "http://localhost:3000");
        assert!(result.is_err(), "{flaw:?} was accepted");
    }
    let request = TokenRequest { user_id: "u".into(), flaw: Some(Flaw::Impersonated), ..TokenRequest::default() };
    let claims = verify(&clerk.token(&request), &clerk.jwks(), clerk.issuer(), "http://localhost:3000").unwrap();
    assert!(claims["act"]["sub"].is_string());
}

#[tokio::test]
async fn a_rotated_key_signs_and_the_old_one_is_published_until_it_is_retired() {
    let clerk = clerk().await;
    let old = clerk.session_token("user_1");
    let kid = clerk.rotate_key().unwrap();
    let new = clerk.session_token("user_1");
    assert_eq!(decode_header(&new).unwrap().kid, Some(kid));
    let check = |token: &str| verify(token, &clerk.jwks(), clerk.issuer(), "http://localhost:3000");
    assert!(check(&old).is_ok() && check(&new).is_ok());
    clerk.retire_keys();
    assert_eq!(check(&old).unwrap_err(), "unknown kid");
    assert!(check(&new).is_ok());
}

#[tokio::test]
async fn the_backend_api_refuses_what_clerk_refuses() {
    let clerk = clerk().await;
    clerk.put_user(user("user_1"));
    let url = format!("{}/v1/users/user_1", clerk.base_url());
    assert_eq!(get(&url, None).await.0, 401);
    let (status, body) = get(&url, Some("sk_test_wrong")).await;
    assert_eq!((status, &body["errors"][0]["code"]), (401, &json!("clerk_key_invalid")));
    assert!(body["clerk_trace_id"].is_string());
    let (status, body) = get(&url, Some(&clerk.secret_key())).await;
    assert_eq!((status, &body["object"]), (200, &json!("user")));
    assert_eq!(body["email_addresses"][0]["id"], body["primary_email_address_id"]);
    let (status, body) = get(&format!("{}/v1/users/user_2", clerk.base_url()), Some(&clerk.secret_key())).await;
    assert_eq!((status, &body["errors"][0]["code"]), (404, &json!("resource_not_found")));
    assert_eq!(get(&format!("{}/v1/jwks", clerk.base_url()), None).await.0, 401);
    assert_eq!(get(&format!("{}/.well-known/jwks.json", clerk.base_url()), None).await, (200, clerk.jwks()));
}

#[test]
fn webhook_signatures_equal_the_known_answers() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let secret = vectors["signing_secret"].as_str().unwrap();
    for vector in vectors["webhooks"].as_array().unwrap() {
        let header = |name: &str| vector["headers"][name].as_str().unwrap();
        let timestamp = header("svix-timestamp").parse().unwrap();
        let signature = svix_signature(secret, header("svix-id"), timestamp, vector["body"].as_str().unwrap());
        assert_eq!(signature, header("svix-signature"), "{}", vector["name"]);
    }
}

#[tokio::test]
async fn user_webhooks_have_the_shape_of_the_recorded_ones() {
    let receiver = Receiver::start().await;
    let clerk = clerk().await;
    clerk.set_api_url(receiver.url());
    clerk.put_user(user("user_1"));
    clerk.settled().await;
    clerk.put_user(UserInput { id: Some("user_1".into()), last_name: Some("New".into()), ..UserInput::default() });
    clerk.settled().await;
    clerk.delete_user("user_1");
    clerk.settled().await;
    let received = receiver.received();
    let types: Vec<Value> = received.iter().map(|webhook| webhook.json()["type"].clone()).collect();
    assert_eq!(types, ["user.created", "user.updated", "user.deleted"]);
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    for (webhook, vector) in received.iter().zip(vectors["webhooks"].as_array().unwrap()) {
        assert_eq!(webhook.path, "/api/webhooks/clerk");
        let timestamp = webhook.header("svix-timestamp").parse().unwrap();
        let expected = svix_signature(&clerk.webhook_secret(), &webhook.header("svix-id"), timestamp, &webhook.text());
        assert_eq!(webhook.header("svix-signature"), expected);
        let recorded: Value = serde_json::from_str(vector["body"].as_str().unwrap()).unwrap();
        let data = webhook.json();
        for name in recorded.as_object().unwrap().keys() {
            assert!(data.get(name).is_some(), "{name}");
        }
        for name in recorded["data"].as_object().unwrap().keys() {
            assert!(data["data"].get(name).is_some(), "data.{name}");
        }
    }
    let updated_at = |index: usize| received[index].json()["data"]["updated_at"].as_i64().unwrap();
    assert!(updated_at(1) > updated_at(0));
}

#[tokio::test]
async fn who_is_banned_or_locked_is_told_of_and_so_is_who_is_let_in_again() {
    let receiver = Receiver::start().await;
    let clerk = clerk().await;
    clerk.put_user(UserInput { webhook: Some(false), ..user("user_1") });
    clerk.set_api_url(receiver.url());
    let key = clerk.secret_key();
    let base = clerk.base_url();
    let ask = async |id: &str, what: &str, key: &str| {
        let url = format!("{base}/v1/users/{id}/{what}");
        let answer = reqwest::Client::new().post(url).bearer_auth(key).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    assert_eq!(ask("user_1", "ban", "sk_test_wrong").await.0, 401);
    let (status, body) = ask("user_2", "ban", &key).await;
    assert_eq!((status, &body["errors"][0]["code"]), (404, &json!("resource_not_found")));
    for (what, banned, locked, seconds) in [
        ("ban", true, false, Value::Null),
        ("lock", true, true, json!(3_600)),
        ("unban", false, true, json!(3_600)),
        ("unlock", false, false, Value::Null),
    ] {
        let (status, body) = ask("user_1", what, &key).await;
        assert_eq!((status, &body["object"]), (200, &json!("user")), "{what}");
        assert_eq!((&body["banned"], &body["locked"]), (&json!(banned), &json!(locked)), "{what}");
        assert_eq!(body["lockout_expires_in_seconds"], seconds, "{what}");
        clerk.settled().await;
        let told = receiver.received().last().unwrap().json();
        assert_eq!((&told["type"], &told["data"]), (&json!("user.updated"), &body), "{what}");
    }
    let times: Vec<i64> =
        receiver.received().iter().map(|told| told.json()["data"]["updated_at"].as_i64().unwrap()).collect();
    assert!(times.is_sorted_by(|one, next| one < next), "{times:?}");
}

#[tokio::test]
async fn a_refused_webhook_is_repeated_with_the_same_id() {
    let receiver = Receiver::start().await;
    receiver.answer_next_with(&[401, 500]);
    let pauses = vec![Duration::from_millis(1); 3];
    let clerk = Clerk::start(ClerkOptions { retry_pauses: pauses, ..ClerkOptions::default() }).await.unwrap();
    clerk.set_api_url(receiver.url());
    let delivery = clerk.send_webhook("user.deleted", users::deleted_object("user_1"), None).await;
    assert_eq!(delivery.outcome, crate::Outcome::Delivered);
    assert_eq!(delivery.attempts.len(), 3);
    let ids: Vec<String> = receiver.received().iter().map(|webhook| webhook.header("svix-id")).collect();
    assert!(ids.iter().all(|id| *id == delivery.id));
}

#[tokio::test]
async fn keys_secrets_and_users_survive_a_restart() {
    let folder = std::env::temp_dir().join(random_id("clerk-"));
    let options = || ClerkOptions {
        state_file: Some(folder.join("clerk.journal")),
        issuer: Some("https://clerk.example".into()),
        ..ClerkOptions::default()
    };
    let first = Clerk::start(options()).await.unwrap();
    first.put_user(user("user_1"));
    first.rotate_key().unwrap();
    let (token, jwks, secret) = (first.session_token("user_1"), first.jwks(), first.secret_key());
    drop(first);
    let second = Clerk::start(options()).await.unwrap();
    assert_eq!((second.jwks(), second.secret_key()), (jwks, secret));
    assert!(second.user("user_1").is_some());
    assert!(verify(&token, &second.jwks(), "https://clerk.example", "http://localhost:3000").is_ok());
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn the_controls_work_over_http_and_refuse_unknown_members() {
    let clerk = clerk().await;
    let control = |path: &str| format!("{}/simulator/{path}", clerk.base_url());
    let (status, made) = post(control("users"), json!({ "firstName": "Ann", "email": "ann@example.com" })).await;
    assert_eq!(status, 200);
    let claims = json!({ "userId": made["id"], "lifetimeSeconds": 600, "claims": { "azp": null, "x": 1 } });
    let (_, session) = post(control("sessions"), claims).await;
    assert!(decode_header(session["token"].as_str().unwrap()).is_ok());
    assert_eq!(post(control("sessions"), json!({ "user": "u" })).await.0, 400);
    let (_, flawed) = post(control("sessions"), json!({ "userId": "u", "flaw": "garbage" })).await;
    assert_eq!(flawed["token"], "not.a-token");
    clerk.fail(Fault { path: "/v1/users".into(), status: 429, retry_after_seconds: Some(2), ..Fault::default() });
    let url = format!("{}/v1/users/{}", clerk.base_url(), made["id"].as_str().unwrap());
    assert_eq!(get(&url, Some(&clerk.secret_key())).await.0, 429);
    assert_eq!(get(&url, Some(&clerk.secret_key())).await.0, 200);
    assert_eq!(clerk.requests().len(), 2);
}
