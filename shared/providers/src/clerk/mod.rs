//! Clerk: who is calling (session tokens), and what became of their account (webhooks and the Backend API).

mod client;
mod keys;
pub mod session;
mod user;
pub mod webhook;

pub use client::{ClerkClient, ClerkError};
pub use keys::{Jwks, JwksError, SessionError, SessionVerifier, fetch_jwks};
pub use session::{Refusal, Session, TokenError};
pub use user::ClerkUser;
