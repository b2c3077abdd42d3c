//! Whom a person may look at: interviewers who are listed, those whom they have booked, and themselves; an admin, everybody.

use domain::card::Card;
use domain::ids::UserId;
use domain::user::User;
use kit::callers::{Anybody, Caller as _};
use kit::error::not_found;
use kit::{App, Error, Read};
use store::keys;

/// The interviewer who is asked for, and whether they are listed. Who is not is read only where there is no card.
pub async fn known<A>(app: &App, read: &Read<Anybody, A>, interviewer: &UserId) -> Result<(Card, bool), Error> {
    let card = keys::directory_card(None, interviewer);
    let (caller, items) = read.with(app, std::slice::from_ref(&card)).await?;
    if let Some(card) = items.get(&card)? {
        return Ok((card, true));
    }
    let [booked, profile] = [keys::booked(read.user_id(), interviewer), keys::profile(interviewer)];
    let items = app.table.batch_get(&[booked.clone(), profile.clone()]).await?;
    let user: Option<User> = items.get(&profile)?;
    let may_look = caller.is_admin() || read.user_id() == interviewer || items.contains(&booked);
    let card = user.filter(|_| may_look).and_then(|user| Card::of(&user));
    Ok((card.ok_or_else(|| not_found("interviewer"))?, false))
}
