//! Who may call a route.

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Anyone, without a token.
    Anyone,
    /// A provider, by a signature over the body.
    Signed,
    /// Anybody who is signed in.
    SignedIn,
    /// Anybody with a role.
    Onboarded,
    /// Candidates.
    Interviewee,
    /// Interviewers.
    Interviewer,
    /// Candidates and interviewers.
    Participant,
    /// The two parties of a booking.
    Parties,
    /// The two parties of a booking, and admins.
    PartiesOrAdmin,
    /// Admins.
    Admin,
}

impl Who {
    /// As it is said in the documentation.
    pub fn words(self) -> &'static str {
        match self {
            Self::Anyone => "anyone",
            Self::Signed => "the provider, by signature",
            Self::SignedIn => "signed-in users",
            Self::Onboarded => "users with a role",
            Self::Interviewee => "candidates",
            Self::Interviewer => "interviewers",
            Self::Participant => "candidates and interviewers",
            Self::Parties => "the parties of the booking",
            Self::PartiesOrAdmin => "the parties of the booking and admins",
            Self::Admin => "admins",
        }
    }

    /// Whether a session token is needed.
    pub fn needs_token(self) -> bool {
        !matches!(self, Self::Anyone | Self::Signed)
    }
}
