//! For tests: a table of their own on a real DynamoDB engine, an application with a clock that stands still, people with
//! session tokens, and requests as API Gateway sends them. Never part of a Lambda.
#![expect(clippy::disallowed_methods, reason = "tests start servers in the background")]
#![expect(clippy::expect_used, reason = "a test that cannot be set up fails")]

mod direct;
mod fake_aws;
mod faults;
pub mod gateway;
mod meter;
mod people;
mod table;
mod tokens;
mod twin;
mod world;

pub use direct::{ask, plain};
/// An item as the engine keeps it, and a value of one.
pub use dynoxide::{AttributeValue as Stored, Item};
pub use fake_aws::FakeAws;
pub use faults::{Fate, Faults, Held, Sent, Trouble, parts_listed};
pub use gateway::{Answer, refused_fields};
pub use meter::{Meter, Reading};
pub use people::{availability_all_day, change, delete, interviewer_profile, stored};
pub use table::{Arrangement, Beginning, TABLE, dynamodb, items};
pub use tokens::{ISSUER, ORIGIN, TokenClaims, forged_tokens, jwks, token};
pub use world::{Options, World, noon, waiting};

/// What reaches local addresses: without the system's certificates, whose reading takes longer than most tests.
pub fn local_http() -> reqwest::Client {
    reqwest::Client::builder().tls_certs_only([]).no_proxy().build().expect("a client")
}
