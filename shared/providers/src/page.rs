//! One page of a provider's list.

/// One page of a list, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, Next = String> {
    /// What is on it.
    pub items: Vec<T>,
    /// What the next page is asked for with; `None` on the last one.
    pub next: Option<Next>,
}
