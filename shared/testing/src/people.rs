//! People and rules that tests need again and again.

use domain::availability::{Availability, NewAvailability};
use domain::ids::{AvailabilityId, UserId};
use domain::user::{Category, InterviewerProfile, Role, User, Verification};
use serde_json::{Value, json};
use store::Tx;

use crate::World;

/// The onboarding request of an interviewer who takes 20 credits per hour.
pub fn interviewer_profile() -> Value {
    json!({
        "role": "INTERVIEWER", "title": "Staff Engineer", "company": "Acme", "yearsExp": 12,
        "bio": "Backend and distributed systems.", "categories": ["backend", "system-design"],
        "creditRate": 20, "timezone": "UTC", "adult": true,
    })
}

/// An availability rule for every hour of every day.
pub fn availability_all_day(session_minutes: u32) -> Value {
    json!({
        "kind": "WEEKLY", "weekdays": ["MO", "TU", "WE", "TH", "FR", "SA", "SU"], "startLocal": "00:00",
        "endLocal": "24:00", "timezone": "UTC", "from": "2026-11-01", "sessionMinutes": session_minutes,
    })
}

/// The stored person.
pub async fn stored(world: &World, user: &str) -> User {
    let user = user.parse().expect("a user id");
    store::user::get(&world.app.table, &user).await.expect("a read").expect("a stored person")
}

/// Changes a stored person.
pub async fn change(world: &World, user: &str, change: impl FnOnce(&mut User)) {
    let before = stored(world, user).await;
    let mut after = before.clone();
    change(&mut after);
    let mut tx = Tx::new();
    store::user::write(&mut tx, Some(&before), &after).expect("a write");
    tx.commit(&world.app.table).await.expect("a commit");
}

/// The account of `user` is deleted.
pub async fn delete(world: &World, user: &str) {
    let now = world.app.now();
    change(world, user, |user| *user = user.tombstone(now)).await;
}

impl World {
    /// Stores a person with this role.
    pub async fn add_person(&self, id: &str, role: Role) -> UserId {
        let mut user = User::new(id.parse().expect("a user id"), self.app.now());
        user.role = role;
        user.name = Some(id.to_owned());
        self.store(&user).await;
        user.user_id
    }

    /// Stores a candidate with so many credits.
    pub async fn add_candidate(&self, id: &str, credits: u64) -> UserId {
        let user = self.add_person(id, Role::Interviewee).await;
        if credits > 0 {
            self.give_credits(id, credits).await;
        }
        user
    }

    /// Stores a verified interviewer who takes 20 credits per hour and offers sessions of an hour at every hour.
    pub async fn add_interviewer(&self, id: &str) -> UserId {
        self.add_interviewer_who_offers(id, availability_all_day(60)).await
    }

    /// Stores a verified interviewer who takes 20 credits per hour and has this availability rule.
    pub async fn add_interviewer_who_offers(&self, id: &str, rule: Value) -> UserId {
        let mut user = User::new(id.parse().expect("a user id"), self.app.now());
        user.role = Role::Interviewer;
        user.name = Some(id.to_owned());
        user.interviewer = Some(InterviewerProfile {
            title: "Staff Engineer".into(),
            company: "Acme".into(),
            years_exp: 12,
            bio: "Backend and distributed systems.".into(),
            categories: vec![Category::Backend, Category::SystemDesign],
            credit_rate: 20,
            accepting_bookings: true,
            verification: Verification::Verified,
            verification_reason: None,
            rating_sum: 0,
            review_count: 0,
        });
        self.store(&user).await;
        self.offer(&user.user_id, rule).await;
        user.user_id
    }

    /// Stores one more availability rule of an interviewer.
    pub async fn offer(&self, interviewer: &UserId, rule: Value) {
        let now = self.app.now();
        let new: NewAvailability = serde_json::from_value(rule).expect("a rule");
        let rule = new.check(AvailabilityId::new(self.app.ids.unique(now)), now).expect("a valid rule");
        let items = self.app.table.batch_get(&[store::keys::availability(interviewer)]).await.expect("a read");
        let mut rules: Availability = store::availability::rules(&items, interviewer).expect("rules");
        rules.add(rule, now).expect("no overlap");
        let mut tx = Tx::new();
        store::availability::write(&mut tx, interviewer, &rules).expect("a write");
        tx.commit(&self.app.table).await.expect("a commit");
    }

    async fn store(&self, user: &User) {
        let mut tx = Tx::new();
        store::user::write(&mut tx, None, user).expect("a write");
        tx.commit(&self.app.table).await.expect("a commit");
    }

    /// Every item of the table, for tests that show that nothing was written.
    pub async fn all_items(&self) -> Vec<String> {
        let mut items: Vec<String> = crate::items(&self.engine).iter().map(Value::to_string).collect();
        items.sort();
        items
    }
}
