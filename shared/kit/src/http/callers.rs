//! Who is calling. A handler's signature says who may call it: the caller's type is the permission.
//!
//! The token says which person it is; what they may do is on our own user item.

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::party::Party;
use domain::user::{Role, User, UserError};
use http::header;
use http::request::Parts;
use jiff::Timestamp;
use providers::clerk::{Session, SessionError};

use crate::App;
use crate::config::Config;
use crate::error::{Error, Fault, RequestError, Unavailable};
use crate::http::who::Who;

/// A verified session token, before the person's own item was read.
#[derive(Debug, Clone)]
pub struct SignedIn(pub Session);

/// Verifies the token before anything else of the request is looked at.
pub(crate) async fn authenticate(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let verified = match bearer_token(request.headers()) {
        Ok(token) => verify(&app, token).await,
        Err(refused) => Err(refused.into()),
    };
    match verified {
        Ok(session) => {
            tracing::Span::current().record("user.id", session.user_id.as_str());
            request.extensions_mut().insert(SignedIn(session));
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

fn refused(why: &str) -> RequestError {
    RequestError::Unauthenticated(why.to_owned())
}

fn bearer_token(headers: &http::HeaderMap) -> Result<String, RequestError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(refused("send one Authorization header: Bearer <session token>"));
    };
    let value = value.to_str().map_err(|_| refused("the Authorization header is not text"))?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") || token.trim().is_empty() {
        return Err(refused("send the session token as: Bearer <session token>"));
    }
    Ok(token.trim().to_owned())
}

async fn verify(app: &App, token: String) -> Result<Session, Error> {
    app.sessions()?.verify(&token, app.now()).await.map_err(|error| match error {
        SessionError::Refused(refusal) => refused(&format!("the session token is refused: {refusal}")).into(),
        SessionError::KeysUnavailable(_) => {
            Error::from(Unavailable { what: "Clerk", why: error.to_string(), retry_after_seconds: 5 })
        }
    })
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Error> {
        let found = parts.extensions.get::<Self>().cloned();
        found.ok_or_else(|| Fault("a route that needs a caller is not declared so".to_owned()).into())
    }
}

/// A kind of caller: what a person must be to be admitted.
pub trait Caller: Sized + Send {
    /// How the route is described.
    const WHO: Who;
    /// Admits the person of a session at `now`, or says why not. `user` is what is stored of them.
    fn admit(session: &Session, user: Option<User>, now: Timestamp) -> Result<Self, UserError>;
    /// Whether rate limits do not count for them.
    fn is_admin(&self) -> bool {
        false
    }
}

/// What counts of a stored person: an admin is one only as long as the deployment says so too.
pub fn effective(user: Option<User>, config: &Config) -> Option<User> {
    user.map(|mut user| {
        if user.role == Role::Admin && !config.admin_user_ids.contains(&user.user_id) {
            user.role = Role::Unassigned;
        }
        user
    })
}

fn onboarded(user: Option<User>) -> Result<User, UserError> {
    match user {
        Some(user) if user.deleted_at.is_some() => Err(UserError::Deleted),
        Some(user) if user.role != Role::Unassigned => Ok(user),
        _ => Err(UserError::OnboardingRequired),
    }
}

fn with_role(user: Option<User>, role: Role) -> Result<User, UserError> {
    onboarded(user).and_then(|user| if user.role == role { Ok(user) } else { Err(UserError::Forbidden) })
}

/// Anybody who is signed in and whose account was not deleted; perhaps not stored yet.
#[derive(Debug, Clone)]
pub struct Anybody {
    /// The token.
    pub session: Session,
    /// What is stored of them.
    pub user: Option<User>,
}

impl Caller for Anybody {
    const WHO: Who = Who::SignedIn;
    fn admit(session: &Session, user: Option<User>, _: Timestamp) -> Result<Self, UserError> {
        if user.as_ref().is_some_and(|u| u.deleted_at.is_some()) {
            return Err(UserError::Deleted);
        }
        Ok(Self { session: session.clone(), user })
    }
    fn is_admin(&self) -> bool {
        self.user.as_ref().is_some_and(|u| u.role == Role::Admin)
    }
}

/// Anybody with a role.
#[derive(Debug, Clone)]
pub struct Onboarded(pub User);

impl Caller for Onboarded {
    const WHO: Who = Who::Onboarded;
    fn admit(_: &Session, user: Option<User>, _: Timestamp) -> Result<Self, UserError> {
        onboarded(user).map(Self)
    }
    fn is_admin(&self) -> bool {
        self.0.role == Role::Admin
    }
}

/// A candidate.
#[derive(Debug, Clone)]
pub struct Interviewee(pub User);

impl Caller for Interviewee {
    const WHO: Who = Who::Interviewee;
    fn admit(_: &Session, user: Option<User>, _: Timestamp) -> Result<Self, UserError> {
        with_role(user, Role::Interviewee).map(Self)
    }
}

impl AsRef<User> for Interviewee {
    fn as_ref(&self) -> &User {
        &self.0
    }
}

/// An interviewer.
#[derive(Debug, Clone)]
pub struct Interviewer(pub User);

impl Caller for Interviewer {
    const WHO: Who = Who::Interviewer;
    fn admit(_: &Session, user: Option<User>, _: Timestamp) -> Result<Self, UserError> {
        with_role(user, Role::Interviewer).map(Self)
    }
}

/// A candidate or an interviewer.
#[derive(Debug, Clone)]
pub struct Participant {
    /// Who.
    pub user: User,
    /// On which side of bookings they are.
    pub side: Party,
}

impl Caller for Participant {
    const WHO: Who = Who::Participant;
    fn admit(_: &Session, user: Option<User>, _: Timestamp) -> Result<Self, UserError> {
        let user = onboarded(user)?;
        let side = match user.role {
            Role::Interviewee => Party::Interviewee,
            Role::Interviewer => Party::Interviewer,
            Role::Admin | Role::Unassigned => return Err(UserError::Forbidden),
        };
        Ok(Self { user, side })
    }
}

impl AsRef<User> for Participant {
    fn as_ref(&self) -> &User {
        &self.user
    }
}

/// A caller whom Clerk has not shut out. Who is banned or locked gets no remembered answer either.
#[derive(Debug, Clone)]
pub struct LetIn<C>(pub C);

impl<C: Caller + AsRef<User>> Caller for LetIn<C> {
    const WHO: Who = C::WHO;
    fn admit(session: &Session, user: Option<User>, now: Timestamp) -> Result<Self, UserError> {
        let caller = C::admit(session, user, now)?;
        caller.as_ref().check_let_in(now)?;
        Ok(Self(caller))
    }
    fn is_admin(&self) -> bool {
        self.0.is_admin()
    }
}

/// An admin.
#[derive(Debug, Clone)]
pub struct Admin(pub User);

impl Caller for Admin {
    const WHO: Who = Who::Admin;
    fn admit(_: &Session, user: Option<User>, _: Timestamp) -> Result<Self, UserError> {
        with_role(user, Role::Admin).map(Self)
    }
    fn is_admin(&self) -> bool {
        true
    }
}
