//! One example call of each route, made of its path and its published example, for whatever calls routes.

use kit::{Route, Who};
use serde_json::{Value, json};

use crate::all_routes;

/// A call of a route.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: &'static str,
    pub path: String,
    /// Null where there is none.
    pub body: Value,
}

impl Request {
    /// The call with these members of its body instead.
    #[must_use]
    pub fn with(mut self, members: Value) -> Self {
        for (name, value) in members.as_object().expect("members") {
            self.body[name] = value.clone();
        }
        self
    }

    /// The call with this query.
    #[must_use]
    pub fn asking(mut self, query: &str) -> Self {
        self.path = format!("{}?{query}", self.path);
        self
    }

    /// The body as it is sent.
    pub fn text(&self) -> String {
        if self.body.is_null() { String::new() } else { self.body.to_string() }
    }
}

/// What is there in every world: the catalog's own.
const EVERYWHERE: [(&str, &str); 2] =
    [("packId", "pck_00000000000000000000000001"), ("planId", "pln_00000000000000000000000001")];

/// The example call of `route`. What is called `names[n].0` is `names[n].1`, in its path as in its body.
pub fn request_of(route: &Route, names: &[(&str, &str)]) -> Request {
    let names = [names, &EVERYWHERE].concat();
    let path = names.iter().fold(route.path.to_owned(), |path, (name, id)| path.replace(&format!("{{{name}}}"), id));
    assert!(!path.contains('{'), "{} asks for an id that is not named: {names:?}", route.path);
    let mut body = route.example.map_or(Value::Null, |text| serde_json::from_str(text).expect("the example is JSON"));
    for (name, id) in &names {
        if let Some(member) = body.get_mut(name) {
            *member = json!(id);
        }
    }
    Request { method: route.method, path, body }
}

/// The example call of the route of this name.
pub fn request(route: &str, names: &[(&str, &str)]) -> Request {
    let found = all_routes().into_iter().find(|one| one.name == route);
    request_of(&found.unwrap_or_else(|| panic!("{route} is no route")), names)
}

/// Who of these may call `route`: a candidate, an interviewer, and an admin.
pub fn caller<'a>(route: &Route, [candidate, interviewer, admin]: [&'a str; 3]) -> &'a str {
    match route.who {
        Who::Interviewer => interviewer,
        Who::Admin => admin,
        _ => candidate,
    }
}

/// The routes that read.
pub fn reading() -> Vec<Route> {
    all_routes().into_iter().filter(|route| route.method == "GET").collect()
}
