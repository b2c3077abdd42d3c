//! Every caller against every route and resource: what they are answered is declared in [`table`].

mod scene;
mod table;

use std::collections::BTreeSet;

use kit::{Route, Who};
use serde_json::{Value, json};
use testing::{Answer, TokenClaims};

use scene::{Scene, Snapshot};
use table::{Outcome, Row, rows};

/// Every token that is missing or no good, though it names the candidate to whom the own resources belong.
fn bad_tokens(scene: &Scene) -> Vec<(&'static str, Option<String>)> {
    let now = scene.world.app.now();
    let claims = || TokenClaims::of("user_candidate", now);
    let signed = |claims: &TokenClaims| Some(testing::token(claims));
    let second = now.as_second();
    let good = testing::token(&claims());
    let (content, signature) = good.rsplit_once('.').unwrap();
    let swapped = if signature.starts_with('A') { "B" } else { "A" };
    let others = testing::token(&TokenClaims::of("user_other_candidate", now));
    let others_signature = others.rsplit_once('.').unwrap().1;
    let bad = [
        ("no token", None),
        ("garbage", Some("garbage".to_owned())),
        ("expired", signed(&claims().with("exp", json!(second - 60)))),
        ("not yet valid", signed(&claims().with("nbf", json!(second + 60)))),
        ("issued in the future", signed(&claims().with("iat", json!(second + 60)))),
        ("of another issuer", signed(&claims().with("iss", json!("https://other.example")))),
        ("for another origin", signed(&claims().with("azp", json!("https://evil.example")))),
        ("for no origin", signed(&claims().with("azp", Value::Null))),
        ("of a pending session", signed(&claims().with("sts", json!("pending")))),
        ("of nobody", signed(&claims().with("sub", Value::Null))),
        ("with a forged signature", Some(format!("{content}.{swapped}{}", &signature[1..]))),
        ("with another token's signature", Some(format!("{content}.{others_signature}"))),
    ];
    let forged = testing::forged_tokens(&claims()).into_iter().map(|(name, token)| (name, Some(token)));
    bad.into_iter().chain(forged).collect()
}

/// The callers behind a column of the table, and their tokens.
fn callers(scene: &Scene, column: &str) -> Vec<(&'static str, Option<String>)> {
    let now = scene.world.app.now();
    let acting = |user: &str| {
        let claims = TokenClaims::of(user, now).with("act", json!({ "sub": "user_admin" }));
        Some(testing::token(&claims))
    };
    let user = match column {
        "token?" => return bad_tokens(scene),
        "cand*" => return vec![("impersonating the candidate", acting("user_candidate"))],
        "intv*" => return vec![("impersonating the interviewer", acting("user_interviewer"))],
        "admin*" => return vec![("impersonating an admin", acting("user_admin"))],
        "unknown" => "user_unknown",
        "synced" => "user_synced",
        "demoted" => "user_demoted",
        "cand" => "user_candidate",
        "intv" => "user_interviewer",
        "cand2" => "user_other_candidate",
        "intv2" => "user_other_interviewer",
        "admin" => "user_admin",
        "gone" => "user_gone",
        _ => panic!("{column} is no caller"),
    };
    vec![(user, Some(scene.world.token(user)))]
}

/// The resources that a row is needed for.
fn resources(route: &Route) -> BTreeSet<String> {
    let takes_id = route.path.contains('{') || matches!(route.name, "create_booking" | "suggest_questions");
    let names: &[&str] = match route.who {
        Who::Signed => &["unsigned", "forged", "signed"],
        _ if takes_id => &["own", "foreign", "absent", "malformed"],
        _ => &["-"],
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn the_table_has_a_row_for_every_route_and_resource_and_no_other() {
    let routes = tests::all_routes();
    let needed: BTreeSet<(String, String)> = routes
        .iter()
        .flat_map(|route| resources(route).into_iter().map(|resource| (route.name.to_owned(), resource)))
        .collect();
    let rows = rows(&routes);
    let declared: BTreeSet<(String, String)> = rows.iter().map(|r| (r.route.clone(), r.resource.clone())).collect();
    assert_eq!(declared, needed);
    assert_eq!(rows.len(), needed.len(), "a row is there twice");
}

#[tokio::test]
async fn everybody_is_answered_as_the_table_says_and_a_refusal_writes_nothing() {
    let routes = tests::all_routes();
    let scene = Scene::new(&routes).await;
    let table = rows(&routes);
    let base = scene.snapshot();
    let (mut cells, mut wrong) = (0, Vec::new());
    for route in &routes {
        scene.set(route.name).await;
        let set = scene.snapshot();
        let mut hidden = Vec::new();
        for row in table.iter().filter(|row| row.route == route.name) {
            cells += try_row(&scene, route, row, &set, &mut hidden, &mut wrong).await;
        }
        wrong.extend(distinguishable(route, &hidden));
        let now = scene.snapshot();
        scene.rewind(&now, &base);
        scene.reset_clock();
    }
    println!("{} routes, {} rows, {cells} cells", routes.len(), table.len());
    assert!(wrong.is_empty(), "{} of {cells} cells:\n{}", wrong.len(), wrong.join("\n"));
}

/// What somebody was refused: the resource, who, and the answer.
type Hidden = (String, &'static str, Answer);

/// Tries all cells of a row and says how many there were. Those that must not write come first, and leave the table as it
/// was; after each of the others it is made so.
async fn try_row(
    scene: &Scene,
    route: &Route,
    row: &Row,
    set: &Snapshot,
    hidden: &mut Vec<Hidden>,
    wrong: &mut Vec<String>,
) -> usize {
    let id = scene.id(route, &row.resource).await;
    let cells = cells_of(scene, row);
    let may_write = |outcome: &Outcome| *outcome == Outcome::Served && route.method != "GET";
    let (writing, quiet): (Vec<&Cell>, Vec<&Cell>) = cells.iter().partition(|cell| may_write(&cell.outcome));
    let row_name = format!("{} {}", row.route, row.resource);
    for cell in quiet {
        let answer = scene.send(route, &row.resource, &id, cell.token.as_deref()).await;
        wrong.extend(cell.judge(scene, route, &answer).map(|what| format!("{row_name} {}: {what}", cell.caller)));
        if cell.outcome != Outcome::Served && matches!(row.resource.as_str(), "foreign" | "absent") {
            hidden.push((row.resource.clone(), cell.caller, answer));
        }
    }
    let after = scene.snapshot();
    if after != *set {
        wrong.push(format!("{row_name}: something was written by those who are refused, or by reading"));
        scene.rewind(&after, set);
    }
    for cell in writing {
        let answer = scene.send(route, &row.resource, &id, cell.token.as_deref()).await;
        wrong.extend(cell.judge(scene, route, &answer).map(|what| format!("{row_name} {}: {what}", cell.caller)));
        scene.rewind(&scene.snapshot(), set);
    }
    cells.len()
}

/// One caller, and what is declared for them.
struct Cell {
    column: String,
    caller: &'static str,
    token: Option<String>,
    outcome: Outcome,
}

fn cells_of(scene: &Scene, row: &Row) -> Vec<Cell> {
    let cells = row.outcomes.iter().flat_map(|(column, outcome)| {
        callers(scene, column).into_iter().map(|(caller, token)| {
            let (column, outcome) = (column.clone(), outcome.clone());
            Cell { column, caller, token, outcome }
        })
    });
    cells.collect()
}

impl Cell {
    /// What is wrong with the answer.
    fn judge(&self, scene: &Scene, route: &Route, answer: &Answer) -> Option<String> {
        let is_declared = match &self.outcome {
            Outcome::Served => answer.status == route.status,
            Outcome::Refused(status, code, words) => {
                let detail = answer.body["detail"].as_str().unwrap_or_default();
                answer.status == *status && answer.code() == code && detail.contains(words)
            }
        };
        if !is_declared {
            return Some(format!("{:?} is declared, the answer is {} {}", self.outcome, answer.status, answer.body));
        }
        // Whatever anybody is answered is as the published document says.
        tests::described::fault(&scene.document, route, answer).or_else(|| self.leak(scene, answer))
    }

    /// Whether the answer names a booking that its reader has no part in.
    fn leak(&self, scene: &Scene, answer: &Answer) -> Option<String> {
        let is_party = ["cand", "intv", "cand*", "intv*"].contains(&self.column.as_str());
        let is_admin = self.column.starts_with("admin");
        let told = answer.body.to_string();
        let names_own = told.contains(&scene.own.to_string()) && !is_party && !is_admin;
        let names_foreign = told.contains(&scene.foreign.to_string()) && !is_admin;
        (names_own || names_foreign).then(|| format!("somebody else's booking is named: {told}"))
    }
}

/// What a caller may not see is answered exactly as what does not exist.
fn distinguishable(route: &Route, hidden: &[Hidden]) -> Vec<String> {
    // Whom a candidate could book a moment ago is known to them; the contract says that they take no bookings now.
    if route.name == "create_booking" {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (_, caller, foreign) in hidden.iter().filter(|(resource, _, _)| resource == "foreign") {
        let absent = hidden.iter().find(|(resource, other, _)| resource == "absent" && other == caller);
        let (_, _, absent) = absent.unwrap_or_else(|| panic!("{}: {caller} is served what is absent", route.name));
        if shown(foreign) != shown(absent) {
            found.push(format!("{} {caller}: {} differs from {}", route.name, foreign.body, absent.body));
        }
    }
    found
}

/// All of an answer but what is new in each.
fn shown(answer: &Answer) -> (u16, Vec<(String, Vec<u8>)>, Value) {
    let mut body = answer.body.clone();
    if let Some(members) = body.as_object_mut() {
        members.remove("requestId");
    }
    let headers = answer.headers.iter().filter(|(name, _)| name.as_str() != "x-request-id");
    let mut headers: Vec<_> = headers.map(|(n, v)| (n.to_string(), v.as_bytes().to_vec())).collect();
    headers.sort();
    (answer.status, headers, body)
}
