//! What every caller is answered on every route, declared.

use kit::Route;

/// The columns: see [`super::callers`]. `token?` stands for every session token that is missing or no good.
///
/// The resources of a route that takes an id, in its path or its body: `own` belongs to `cand` and `intv` (a booking is theirs
/// together), `foreign` to two people who are nobody here, `absent` has the form of an id and nothing more, and `malformed`
/// not even that. An interviewer is `own` when listed and `foreign` when not. To admins, who see everybody, `foreign` is: another
/// person (`get_user`), one who interviews nobody (`decide_verification`), a deleted account (`adjust_credits`).
///
/// The words: `ok` is the route's success. `401` unauthenticated, `404` not_found, `422` validation_failed. `new` 403
/// onboarding_required, `role` 403 forbidden for what the caller is, `act` 403 forbidden for a session that impersonates, `gone`
/// 403 account_deleted, `sig` 401 invalid_signature. Any other number has its code at the end of the row.
///
/// Two rows follow from others where they are not declared. What is `absent` is answered as what is `foreign`, and where that is
/// served, with 404. An id that is `malformed` is one that is absent where the route reads; where it writes, it is an address that
/// does not exist, before anybody asks who it is for.
pub const TABLE: &str = "
route               resource  | token? unknown synced demoted | cand intv cand2 intv2 admin gone | cand* intv* admin*
health              -         | ok     ok      ok     ok      | ok   ok   ok    ok    ok    ok   | ok    ok    ok
openapi_document    -         | ok     ok      ok     ok      | ok   ok   ok    ok    ok    ok   | ok    ok    ok
docs_page           -         | ok     ok      ok     ok      | ok   ok   ok    ok    ok    ok   | ok    ok    ok
clerk_webhook       unsigned  | sig    sig     sig    sig     | sig  sig  sig   sig   sig   sig  | sig   sig   sig
clerk_webhook       forged    | sig    sig     sig    sig     | sig  sig  sig   sig   sig   sig  | sig   sig   sig
clerk_webhook       signed    | ok     ok      ok     ok      | ok   ok   ok    ok    ok    ok   | ok    ok    ok
stream_webhook      unsigned  | sig    sig     sig    sig     | sig  sig  sig   sig   sig   sig  | sig   sig   sig
stream_webhook      forged    | sig    sig     sig    sig     | sig  sig  sig   sig   sig   sig  | sig   sig   sig
stream_webhook      signed    | ok     ok      ok     ok      | ok   ok   ok    ok    ok    ok   | ok    ok    ok

get_me              -         | 401    404     ok     ok      | ok   ok   ok    ok    ok    gone | ok    ok    ok
sync_user           -         | 401    ok      ok     ok      | ok   ok   ok    ok    ok    gone | act   act   act
onboard             -         | 401    ok      ok     ok      | ok   409  ok    409   409   gone | act   act   act    already_onboarded
update_me           -         | 401    new     new    new     | ok   ok   ok    ok    ok    gone | act   act   act

list_interviewers   -         | 401    ok      ok     ok      | ok   ok   ok    ok    ok    gone | ok    ok    ok
get_interviewer     own       | 401    ok      ok     ok      | ok   ok   ok    ok    ok    gone | ok    ok    ok
get_interviewer     foreign   | 401    404     404    404     | 404  404  404   404   ok    gone | 404   404   ok
list_reviews        own       | 401    ok      ok     ok      | ok   ok   ok    ok    ok    gone | ok    ok    ok
list_reviews        foreign   | 401    404     404    404     | 404  404  404   404   ok    gone | 404   404   ok
list_slots          own       | 401    ok      ok     ok      | ok   ok   ok    ok    ok    gone | ok    ok    ok
list_slots          foreign   | 401    404     404    404     | 404  404  404   404   404   gone | 404   404   404
submit_verification -         | 401    new     new    new     | role ok   role  ok    role  gone | act   act   act
create_availability -         | 401    new     new    new     | role ok   role  ok    role  gone | act   act   act
list_availability   -         | 401    new     new    new     | role ok   role  ok    role  gone | role  ok    role
update_availability own       | 401    new     new    new     | role ok   role  404   role  gone | act   act   act
update_availability foreign   | 401    new     new    new     | role 404  role  404   role  gone | act   act   act
delete_availability own       | 401    new     new    new     | role ok   role  404   role  gone | act   act   act
delete_availability foreign   | 401    new     new    new     | role 404  role  404   role  gone | act   act   act

create_booking      own       | 401    new     new    new     | ok   role ok    role  role  gone | act   act   act
create_booking      foreign   | 401    new     new    new     | 404  role 404   role  role  gone | act   act   act
create_booking      malformed | 401    new     new    new     | 422  role 422   role  role  gone | act   act   act
list_appointments   -         | 401    new     new    new     | ok   ok   ok    ok    role  gone | ok    ok    role
get_booking         own       | 401    new     new    new     | ok   ok   404   404   ok    gone | ok    ok    ok
get_booking         foreign   | 401    new     new    new     | 404  404  404   404   ok    gone | 404   404   ok
cancel_booking      own       | 401    new     new    new     | ok   ok   404   404   role  gone | act   act   act
cancel_booking      foreign   | 401    new     new    new     | 404  404  404   404   role  gone | act   act   act
reschedule_booking  own       | 401    new     new    new     | ok   role 404   404   role  gone | act   act   act
reschedule_booking  foreign   | 401    new     new    new     | 404  404  404   404   role  gone | act   act   act
complete_booking    own       | 401    new     new    new     | role ok   404   404   role  gone | act   act   act
complete_booking    foreign   | 401    new     new    new     | 404  404  404   404   role  gone | act   act   act
review_booking      own       | 401    new     new    new     | ok   role 404   404   role  gone | act   act   act
review_booking      foreign   | 401    new     new    new     | 404  404  404   404   role  gone | act   act   act
get_feedback        own       | 401    new     new    new     | ok   ok   404   404   404   gone | ok    ok    404
get_feedback        foreign   | 401    new     new    new     | 404  404  404   404   404   gone | 404   404   404
get_recording       own       | 401    new     new    new     | ok   ok   404   404   404   gone | ok    ok    404
get_recording       foreign   | 401    new     new    new     | 404  404  404   404   404   gone | 404   404   404
give_consent        own       | 401    new     new    new     | ok   ok   404   404   role  gone | act   act   act
give_consent        foreign   | 401    new     new    new     | 404  404  404   404   role  gone | act   act   act
get_call            own       | 401    new     new    new     | ok   ok   404   404   404   gone | act   act   act
get_call            foreign   | 401    new     new    new     | 404  404  404   404   404   gone | act   act   act
get_call            malformed | 401    new     new    new     | 404  404  404   404   404   gone | 404   404   404
suggest_questions   own       | 401    new     new    new     | ok   ok   ok    ok    ok    gone | act   act   act
suggest_questions   foreign   | 401    new     new    new     | 404  404  404   404   404   gone | act   act   act
suggest_questions   malformed | 401    new     new    new     | 422  422  422   422   422   gone | act   act   act

get_wallet          -         | 401    new     new    new     | ok   ok   ok    ok    ok    gone | ok    ok    ok
list_transactions   -         | 401    new     new    new     | ok   ok   ok    ok    ok    gone | ok    ok    ok

list_verifications  -         | 401    new     new    new     | role role role  role  ok    gone | role  role  ok
list_all_bookings   -         | 401    new     new    new     | role role role  role  ok    gone | role  role  ok
decide_verification own       | 401    new     new    new     | role role role  role  ok    gone | act   act   act
decide_verification foreign   | 401    new     new    new     | role role role  role  404   gone | act   act   act
get_user            own       | 401    new     new    new     | role role role  role  ok    gone | role  role  ok
get_user            foreign   | 401    new     new    new     | role role role  role  ok    gone | role  role  ok
adjust_credits      own       | 401    new     new    new     | role role role  role  ok    gone | act   act   act
adjust_credits      foreign   | 401    new     new    new     | role role role  role  404   gone | act   act   act

get_catalog         -         | ok     ok      ok     ok      | ok   ok   ok    ok    ok    ok   | ok    ok    ok
list_packs          -         | 401    new     new    new     | role role role  role  ok    gone | role  role  ok
get_pack            own       | 401    new     new    new     | role role role  role  ok    gone | role  role  ok
get_pack            foreign   | 401    new     new    new     | role role role  role  ok    gone | role  role  ok
create_pack         -         | 401    new     new    new     | role role role  role  ok    gone | act   act   act
update_pack         own       | 401    new     new    new     | role role role  role  ok    gone | act   act   act
update_pack         foreign   | 401    new     new    new     | role role role  role  ok    gone | act   act   act
delete_pack         own       | 401    new     new    new     | role role role  role  ok    gone | act   act   act
delete_pack         foreign   | 401    new     new    new     | role role role  role  ok    gone | act   act   act
list_plans          -         | 401    new     new    new     | role role role  role  ok    gone | role  role  ok
get_plan            own       | 401    new     new    new     | role role role  role  ok    gone | role  role  ok
get_plan            foreign   | 401    new     new    new     | role role role  role  ok    gone | role  role  ok
create_plan         -         | 401    new     new    new     | role role role  role  ok    gone | act   act   act
update_plan         own       | 401    new     new    new     | role role role  role  ok    gone | act   act   act
update_plan         foreign   | 401    new     new    new     | role role role  role  ok    gone | act   act   act
delete_plan         own       | 401    new     new    new     | role role role  role  ok    gone | act   act   act
delete_plan         foreign   | 401    new     new    new     | role role role  role  ok    gone | act   act   act
";

/// What a caller is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The route's success.
    Served,
    /// A refusal with this status, this code, and where the code alone does not say why, this in its detail.
    Refused(u16, String, &'static str),
}

/// One row: what each kind of caller is answered for one resource of a route.
#[derive(Debug)]
pub struct Row {
    pub route: String,
    pub resource: String,
    pub outcomes: Vec<(String, Outcome)>,
}

impl Row {
    /// The row of another resource, in which some are answered that there is none.
    fn but(&self, resource: &str, is_not_found: impl Fn(&str, &Outcome) -> bool) -> Self {
        let outcomes = self.outcomes.iter().map(|(column, outcome)| {
            let outcome = if is_not_found(column, outcome) { self::outcome("404", None) } else { outcome.clone() };
            (column.clone(), outcome)
        });
        Self { route: self.route.clone(), resource: resource.to_owned(), outcomes: outcomes.collect() }
    }
}

/// The rows of [`TABLE`], and those that follow from them.
pub fn rows(routes: &[Route]) -> Vec<Row> {
    let mut lines = TABLE.lines().filter(|line| !line.is_empty());
    let columns: Vec<&str> = words(lines.next().unwrap()).skip(2).collect();
    let mut rows: Vec<Row> = lines.map(|line| row(line, &columns)).collect();
    for route in routes {
        let of = |rows: &[Row], resource| rows.iter().position(|r| r.route == route.name && r.resource == resource);
        let Some(foreign) = of(&rows, "foreign") else { continue };
        let absent = of(&rows, "absent").unwrap_or_else(|| {
            let row = rows[foreign].but("absent", |_, outcome| *outcome == Outcome::Served);
            rows.push(row);
            rows.len() - 1
        });
        if of(&rows, "malformed").is_none() {
            let row = rows[absent].but("malformed", |column, _| route.method != "GET" && column != "token?");
            rows.push(row);
        }
    }
    rows
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace().filter(|word| *word != "|")
}

fn row(line: &str, columns: &[&str]) -> Row {
    let all: Vec<&str> = words(line).collect();
    let (named, cells) = all.split_at(2);
    let (cells, code) = match cells.len() - columns.len() {
        0 => (cells, None),
        1 => (&cells[..columns.len()], cells.last().copied()),
        _ => panic!("not one cell per column: {line}"),
    };
    let outcomes =
        columns.iter().zip(cells).map(|(column, word)| ((*column).to_owned(), outcome(word, code))).collect();
    Row { route: named[0].to_owned(), resource: named[1].to_owned(), outcomes }
}

fn outcome(word: &str, code: Option<&str>) -> Outcome {
    let refused = |status, code: &str, detail| Outcome::Refused(status, code.to_owned(), detail);
    match word {
        "ok" => Outcome::Served,
        "401" => refused(401, "unauthenticated", ""),
        "404" => refused(404, "not_found", ""),
        "422" => refused(422, "validation_failed", ""),
        "new" => refused(403, "onboarding_required", ""),
        "role" => refused(403, "forbidden", "another role"),
        "act" => refused(403, "forbidden", "impersonates"),
        "gone" => refused(403, "account_deleted", ""),
        "sig" => refused(401, "invalid_signature", ""),
        status => refused(status.parse().expect("a word of the table"), code.expect("a code at the row's end"), ""),
    }
}
