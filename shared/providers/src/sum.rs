//! Money as a provider tells it.

/// An amount in the smallest unit of a currency. Which currencies are ours is for others to judge: any can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// In cents, paise and the like.
    pub amount_minor: u64,
    /// By ISO 4217, in capitals.
    pub currency: String,
}

impl Sum {
    /// `amount_minor` of `currency`, which may be written in small letters, as Stripe does.
    pub fn new(amount_minor: u64, currency: impl Into<String>) -> Self {
        let mut currency = currency.into();
        currency.make_ascii_uppercase();
        Self { amount_minor, currency }
    }
}
