//! Whom a person may look at: interviewers who are listed, and those with whom they have a booking.

use domain::card::Card;
use domain::ids::UserId;
use domain::user::User;
use kit::callers::{Anybody, Asking};
use kit::error::not_found;
use kit::{App, Error, Path};
use store::{Key, keys};

/// The interviewer who is asked for, and whether they are listed. Who is not is read only where there is no card.
pub async fn known(
    app: &App,
    asking: &Asking<Anybody>,
    interviewer: Result<Path<UserId>, Error>,
) -> Result<(Card, bool), Error> {
    let wanted: Vec<Key> = interviewer.iter().map(|Path(id)| keys::directory_card(None, id)).collect();
    let (_, items) = asking.read(app, &wanted).await?;
    // Who asks is looked at first, and an id that cannot be one after that.
    let Path(interviewer) = interviewer?;
    if let Some(card) = items.get(&keys::directory_card(None, &interviewer))? {
        return Ok((card, true));
    }
    let [booked, profile] = [keys::booked(&asking.session().user_id, &interviewer), keys::profile(&interviewer)];
    let items = app.table.batch_get(&[booked.clone(), profile.clone()]).await?;
    let user: Option<User> = items.get(&profile)?;
    let card = user.filter(|_| items.contains(&booked)).and_then(|user| Card::of(&user));
    Ok((card.ok_or_else(|| not_found("interviewer"))?, false))
}
