//! What Clerk tells of a person, and which of its words counts: they come in any order and number.

use jiff::Timestamp;

use crate::user::{Absence, Identity, User, UserError};

/// How a person is, as Clerk told it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClerkWord {
    /// Who they say they are.
    pub identity: Identity,
    /// Whether an operator has shut them out, until somebody lets them in again.
    pub banned: bool,
    /// Whether they are shut out for a while, mostly after too many wrong passwords.
    pub locked: bool,
    /// When a lock ends by itself, which Clerk tells nobody; unknown where only somebody can end it.
    pub locked_until: Option<Timestamp>,
    /// When Clerk last changed the person.
    pub updated_at: Timestamp,
    /// Which of two words with one `updated_at` counts: the greater text, see [`ClerkWord::place`].
    pub place: String,
}

impl ClerkWord {
    /// The place of a word among those with one `updated_at`: by when it was told, then by a digest of what it says. Two words
    /// with one place say the same.
    pub fn place(told_at_millisecond: i64, digest: &str) -> String {
        format!("{:015}-{}", told_at_millisecond.max(0), digest.get(..16).unwrap_or(digest))
    }

    /// What names this word among all of a person.
    pub fn id(&self) -> String {
        format!("{}-{}", self.updated_at, self.place)
    }
}

impl User {
    /// Takes Clerk's word, brought into our bounds, where it counts for more than what is stored. Nothing where it does not
    /// or the person is deleted. What is stored in the end depends on the words alone, not on the order they came in.
    pub fn take_clerk_word(&self, word: &ClerkWord) -> Option<Self> {
        let stored = self.clerk_updated_at.map(|at| (at, self.clerk_place.as_deref().unwrap_or_default()));
        let is_old = stored.is_some_and(|stored| stored >= (word.updated_at, word.place.as_str()));
        if self.deleted_at.is_some() || is_old {
            return None;
        }
        let told = word.identity.clone().within_bounds();
        let mut user = self.clone();
        user.name = told.name.or_else(|| self.own_name.clone());
        (user.email, user.image_url) = (told.email, told.image_url);
        (user.banned, user.locked) = (word.banned, word.locked);
        user.locked_until = word.locked_until.filter(|_| word.locked);
        (user.clerk_updated_at, user.clerk_place) = (Some(word.updated_at), Some(word.place.clone()));
        Some(user)
    }

    /// Whether Clerk does not let them in at `now`.
    pub fn is_shut_out(&self, now: Timestamp) -> bool {
        self.banned || self.locked && self.locked_until.is_none_or(|until| now < until)
    }

    /// Refuses who is shut out.
    pub fn check_let_in(&self, now: Timestamp) -> Result<(), UserError> {
        if self.is_shut_out(now) { Err(UserError::ShutOut) } else { Ok(()) }
    }

    /// Why nobody can meet them, if so: what cancels their coming bookings.
    pub fn absence(&self, now: Timestamp) -> Option<Absence> {
        if self.deleted_at.is_some() {
            return Some(Absence::Deleted);
        }
        self.is_shut_out(now).then_some(Absence::ShutOut)
    }

    /// Ends a lock whose time is over. Nothing where there is none.
    pub fn lift_lock(&self, now: Timestamp) -> Option<Self> {
        let is_over = self.locked && self.locked_until.is_some_and(|until| until <= now);
        is_over.then(|| Self { locked: false, locked_until: None, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_167_000 + second).unwrap()
    }

    fn user() -> User {
        User::new("user_1".parse().unwrap(), at(0))
    }

    fn word(name: &str, second: i64) -> ClerkWord {
        let identity = Identity { name: Some(name.into()), ..Identity::default() };
        let place = ClerkWord::place(0, name);
        ClerkWord { identity, banned: false, locked: false, locked_until: None, updated_at: at(second), place }
    }

    #[test]
    fn clerks_word_is_brought_into_our_bounds() {
        let told = |name: &str, email: &str, image: &str| {
            let some = |text: &str| Some(text.to_owned());
            let identity = Identity { name: some(name), email: some(email), image_url: some(image) };
            let user = user().take_clerk_word(&ClerkWord { identity, ..word("", 1) }).unwrap();
            (user.name, user.email, user.image_url)
        };
        let some = |text: &str| Some(text.to_owned());
        let image = "https://img.clerk.com/x";
        assert_eq!(told("Ada", "ada@example.com", image), (some("Ada"), some("ada@example.com"), some(image)));
        assert_eq!(told(" \u{202e}Ada\u{200b} L.\n", "x", "http://a.example"), (some("Ada L."), None, None));
        assert_eq!(told("\u{200b} ", "", ""), (None, None, None));
        assert_eq!(told(&"é".repeat(300), "", "").0.map(|name| name.chars().count()), Some(100));
    }

    #[test]
    fn clerk_wins_over_the_browser_and_newer_over_older() {
        let named = |name: &str| Identity { name: Some(name.into()), ..Identity::default() };
        let synced = user().sync(named("Browser"), false).unwrap();
        assert_eq!(synced.name.as_deref(), Some("Browser"));
        let told = synced.take_clerk_word(&word("Clerk", 10)).unwrap();
        assert_eq!(told.sync(named("Browser"), false).unwrap().name.as_deref(), Some("Clerk"));
        assert_eq!(told.take_clerk_word(&word("Old", 9)), None);
        assert_eq!(told.take_clerk_word(&word("Clerk", 10)), None, "the same word again");
        assert_eq!(told.take_clerk_word(&word("Bob", 10)), None, "it has the lesser place");
        assert_eq!(told.take_clerk_word(&word("Zoe", 10)).unwrap().name.as_deref(), Some("Zoe"));
        let later = ClerkWord { place: ClerkWord::place(1, "Bob"), ..word("Bob", 10) };
        assert_eq!(told.take_clerk_word(&later).unwrap().name.as_deref(), Some("Bob"), "it was told later");
    }

    #[test]
    fn who_has_no_name_at_clerk_is_called_what_they_called_themselves() {
        let nameless = |second| ClerkWord { identity: Identity::default(), ..word("", second) };
        let synced = user().sync(word("Zoe", 0).identity, false).unwrap();
        let told = synced.take_clerk_word(&word("Clerk", 10)).unwrap().take_clerk_word(&nameless(20)).unwrap();
        assert_eq!(told.name.as_deref(), Some("Zoe"));
    }

    #[test]
    fn a_lock_ends_by_itself_and_a_ban_does_not() {
        let locked = ClerkWord { locked: true, locked_until: Some(at(60)), ..word("Zoe", 1) };
        let user = user().take_clerk_word(&locked).unwrap();
        assert_eq!((user.check_let_in(at(59)), user.check_let_in(at(60))), (Err(UserError::ShutOut), Ok(())));
        assert_eq!((user.absence(at(59)), user.absence(at(60))), (Some(Absence::ShutOut), None));
        assert_eq!(user.lift_lock(at(59)), None);
        let free = user.lift_lock(at(60)).unwrap();
        assert_eq!((free.locked, free.locked_until, free.lift_lock(at(61))), (false, None, None));
        let endless = user.take_clerk_word(&ClerkWord { locked: true, ..word("Zoe", 2) }).unwrap();
        assert!(endless.is_shut_out(at(1_000_000)) && endless.lift_lock(at(1_000_000)).is_none());
        let banned = user.take_clerk_word(&ClerkWord { banned: true, ..locked.clone() });
        assert_eq!(banned, None, "of one place there is one word");
        let banned = user.take_clerk_word(&ClerkWord { banned: true, updated_at: at(2), ..locked }).unwrap();
        assert!(banned.is_shut_out(at(60)) && banned.lift_lock(at(60)).unwrap().is_shut_out(at(61)));
    }

    fn words() -> impl Strategy<Value = Vec<ClerkWord>> {
        let one =
            (0i64..4, 0i64..3, prop::option::of("[a-c]"), any::<bool>(), any::<bool>(), prop::option::of(0i64..9));
        let one = one.prop_map(|(updated, told, name, banned, locked, until)| {
            let digest = format!("{name:?} {banned} {locked} {until:?}").replace(' ', "");
            ClerkWord {
                identity: Identity { name, ..Identity::default() },
                banned,
                locked,
                locked_until: until.map(at),
                updated_at: at(updated),
                place: format!("{told:015}-{digest}"),
            }
        });
        prop::collection::vec(one, 1..8)
    }

    proptest! {
        #[test]
        fn any_order_and_number_of_words_ends_the_same(
            words in words(),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
            own in prop::option::of("[x-z]"),
            deleted_after in prop::option::of(0usize..12),
        ) {
            let start = user().sync(Identity { name: own, ..Identity::default() }, false).unwrap();
            let hear = |user: User, word: &ClerkWord| user.take_clerk_word(word).unwrap_or(user);
            let mut expected = words.iter().fold(start.clone(), hear);
            // Some come several times and in between, and at the end each has come at least once, in the other direction.
            let heard = picks.iter().map(|pick| pick.get(&words)).chain(words.iter().rev());
            let mut found = start;
            for (number, word) in heard.enumerate() {
                if deleted_after == Some(number) {
                    found = found.tombstone(at(100));
                }
                found = hear(found, word);
            }
            if found.deleted_at.is_some() {
                expected = expected.tombstone(at(100));
            }
            prop_assert_eq!(found, expected);
        }
    }
}
