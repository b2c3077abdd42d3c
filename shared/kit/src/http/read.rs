//! A request that only reads: who asks, and for what.
//!
//! The caller is read in one call with what is asked for, or while a list is queried, and is judged before anything of what was
//! found is looked at. Refusals come in this order: who may not ask, what cannot be asked for, what there is not.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use domain::ids::UserId;
use domain::problem::ValidationError;
use domain::user::User;
use http::request::Parts;
use providers::clerk::Session;
use serde::de::DeserializeOwned;
use store::{Items, Key, keys};
use views::List;

use crate::App;
use crate::error::Error;
use crate::http::answer::Json;
use crate::http::callers::{Caller, SignedIn, effective};
use crate::http::extract::{Path, Query};
use crate::http::page::Listing;

/// A request that only reads, by a caller of kind `C`, for `A`: a [`Path`], a [`Query`], or both.
#[derive(Debug)]
pub struct Read<C, A = ()> {
    /// What is asked for.
    pub asked: A,
    list: Listing,
    session: Session,
    caller: PhantomData<fn() -> C>,
}

/// What a request that only reads can ask for.
pub trait Asked: Sized + Send {
    /// Takes it from the request.
    fn of(parts: &mut Parts, app: &App) -> impl Future<Output = Result<Self, Error>> + Send;
}

impl Asked for () {
    async fn of(_: &mut Parts, _: &App) -> Result<Self, Error> {
        Ok(())
    }
}

impl<T: DeserializeOwned + Send> Asked for Path<T> {
    async fn of(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        Self::from_request_parts(parts, app).await
    }
}

impl<T: DeserializeOwned + Send> Asked for Query<T> {
    async fn of(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        Self::from_request_parts(parts, app).await
    }
}

impl<T: Asked, U: Asked> Asked for (T, U) {
    async fn of(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        Ok((T::of(parts, app).await?, U::of(parts, app).await?))
    }
}

impl<C: Caller, A: Asked> FromRequestParts<App> for Read<C, A> {
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let SignedIn(session) = SignedIn::from_request_parts(parts, app).await?;
        let asked = A::of(parts, app).await;
        let list = Listing::of(&session.user_id, &parts.uri);
        let read = Read::<C> { asked: (), list, session, caller: PhantomData };
        let asked = read.check(app, asked).await?;
        Ok(Self { asked, list: read.list, session: read.session, caller: PhantomData })
    }
}

impl<C: Caller, A> Read<C, A> {
    /// Who asks, not yet admitted.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The person who asks, not yet admitted.
    pub fn user_id(&self) -> &UserId {
        &self.session.user_id
    }

    /// Reads the caller alone, and admits them.
    pub async fn caller(&self, app: &App) -> Result<C, Error> {
        let user = store::user::get(&app.table, self.user_id()).await?;
        self.admit(app, user)
    }

    /// Reads the caller and these in one call, and admits the caller.
    pub async fn with(&self, app: &App, more: &[Key]) -> Result<(C, Items), Error> {
        let mut wanted = vec![keys::profile(self.user_id())];
        wanted.extend_from_slice(more);
        let items = app.table.batch_get(&wanted).await?;
        Ok((self.admit(app, items.get(&wanted[0])?)?, items))
    }

    /// What is asked for, where it can be: who may not ask learns that first, and nothing about what a request should look like.
    pub async fn check<T>(&self, app: &App, asked: Result<T, Error>) -> Result<T, Error> {
        if asked.is_err() {
            self.caller(app).await?;
        }
        asked
    }

    /// The size of the page that is asked for, and the place that its cursor stands for, which must be one of this list.
    pub async fn place<P>(
        &self,
        app: &App,
        size: Option<u32>,
        cursor: Option<&str>,
        read: impl FnOnce(&str) -> Result<P, ValidationError>,
    ) -> Result<(usize, Option<P>), Error> {
        self.check(app, self.list.place(size, cursor, read)).await
    }

    /// One page of this list; `next` is the place that the next one begins at.
    pub fn page<T>(&self, items: Vec<T>, next: Option<String>) -> Json<List<T>> {
        Json(List { items, next_cursor: next.map(|place| self.list.cursor(&place)) })
    }

    fn admit(&self, app: &App, user: Option<User>) -> Result<C, Error> {
        Ok(C::admit(&self.session, effective(user, &app.config), app.now())?)
    }
}

/// Reads `list` while it is `judged` who asks. A refusal waits for nothing, so that neither its words nor its time tell anything
/// of the list, which is then dropped unread.
pub async fn meanwhile<J, T, E: Into<Error>>(
    judged: impl Future<Output = Result<J, Error>>,
    list: impl Future<Output = Result<T, E>>,
) -> Result<(J, T), Error> {
    let (judged, list) = tokio::try_join!(judged, async { Ok(list.await) })?;
    Ok((judged, list.map_err(Into::into)?))
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use domain::user::UserError;

    use super::*;
    use crate::error::{RequestError, not_found};

    #[tokio::test]
    async fn whoever_is_refused_hears_neither_of_the_list_nor_waits_for_it() {
        let refused = || async {
            tokio::task::yield_now().await;
            Err::<(), Error>(UserError::Forbidden.into())
        };
        let error = meanwhile(refused(), pending::<Result<(), RequestError>>()).await.unwrap_err();
        assert_eq!(error.code(), Some("forbidden"));
        let missing = ready(Err::<(), Error>(not_found("thing")));
        assert_eq!(meanwhile(refused(), missing).await.unwrap_err().code(), Some("forbidden"));
        let missing = ready(Err::<(), Error>(not_found("thing")));
        assert_eq!(meanwhile(ready(Ok(())), missing).await.unwrap_err().code(), Some("not_found"));
        assert_eq!(meanwhile(ready(Ok(1)), ready(Ok::<_, Error>(2))).await.unwrap(), (1, 2));
    }
}
