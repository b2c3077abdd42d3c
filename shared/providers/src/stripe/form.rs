//! Stripe's parameters: pairs whose names are paths in brackets.

use crate::sum::Sum;

/// The parameters of a request, as a body or as a query.
#[derive(Default)]
pub struct Form(pub Vec<(String, String)>);

impl Form {
    pub fn set(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.0.push((name.into(), value.to_string()));
        self
    }

    pub fn set_if(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }

    /// Each entry as `name[key]`.
    pub fn entries(self, name: &str, entries: &[(String, String)]) -> Self {
        entries.iter().fold(self, |form, (key, value)| form.set(format!("{name}[{key}]"), value))
    }

    /// A price that is made for this request alone.
    pub fn price(self, name: &str, price: &Sum) -> Self {
        self.set(format!("{name}[currency]"), price.currency.to_ascii_lowercase())
            .set(format!("{name}[unit_amount]"), price.amount_minor)
    }
}
