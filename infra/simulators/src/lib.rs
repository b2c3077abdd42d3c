//! Wire-accurate stand-ins for Clerk, Stream Video, Gemini, Stripe, Razorpay and Resend.
//!
//! They speak the providers' protocols, signatures included, and refuse what the real services refuse. They share no
//! code with the product, so that a misreading of a protocol on our side shows up instead of being mirrored here.
//! Each one can be started in process by a test and steered by its methods, or be run by the `simulators` program and
//! steered over HTTP under `/simulator/`. See the crate's README for both.
#![expect(
    clippy::disallowed_methods,
    reason = "a tool that stands in for other people's services has a clock, ids and tasks of its own"
)]
#![expect(clippy::similar_names, reason = "interviewee and interviewer are the words of the domain")]

mod clerk;
mod clock;
mod crypto;
mod delivery;
mod events;
mod gemini;
mod html;
mod http;
mod journal;
mod objects;
mod razorpay;
mod resend;
mod stream;
mod stripe;
#[cfg(test)]
mod test_receiver;
mod transcripts;

pub use clerk::{Clerk, ClerkOptions, Flaw, TokenRequest, UserInput};
pub use crypto::{stream_signature, svix_signature};
pub use delivery::{Attempt, Delivery, Outcome};
pub use events::{Manner, Release};
pub use gemini::{Gemini, GeminiOptions, GeminiScript, Reply};
pub use http::{Fault, RecordedRequest};
pub use razorpay::{Razorpay, RazorpayOptions, Return, razorpay_signature};
pub use resend::{Mail, Resend, ResendOptions};
pub use stream::{DateTimes, LineFormat, PlayRequest, RawEvent, Silence, Stream, StreamOptions};
pub use stripe::{CheckoutOutcome, Stripe, StripeOptions, stripe_signature};
pub use transcripts::{Transcript, transcript, transcripts};
