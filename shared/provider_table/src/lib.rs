#![doc = include_str!("../README.md")]

/// One entry per provider; the rest follows from it.
macro_rules! table {
    ($($(#[$about:meta])* $provider:ident {
        name: $name:literal,
        keys: $keys:expr,
        variable: $variable:literal,
        address: $address:literal $(,)?
    })*) => {
        /// Whose API, and whose secret.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Provider { $($(#[$about])* $provider),* }

        impl Provider {
            /// All of them.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$provider),*];

            /// The last part of the secret's name; also the name of the client's and the simulator's folder.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$provider => $name),* }
            }

            /// The keys of the secret, each with what a value looks like.
            pub const fn keys(self) -> &'static [(&'static str, &'static str)] {
                match self { $(Self::$provider => &$keys),* }
            }

            /// The environment variable that says where the API is.
            pub const fn base_url_variable(self) -> &'static str {
                match self { $(Self::$provider => $variable),* }
            }

            /// Where the provider's public API is.
            pub const fn public_address(self) -> &'static str {
                match self { $(Self::$provider => $address),* }
            }
        }
    };
}

table! {
    /// Sign-in.
    Clerk {
        name: "clerk",
        keys: [("secretKey", "sk_…"), ("webhookSecret", "whsec_…")],
        variable: "CLERK_API_BASE_URL",
        address: "https://api.clerk.com",
    }
    /// Video calls.
    Stream {
        name: "stream",
        keys: [("apiKey", "…"), ("apiSecret", "…")],
        variable: "STREAM_BASE_URL",
        address: "https://video.stream-io-api.com",
    }
    /// The model.
    Gemini {
        name: "gemini",
        keys: [("apiKey", "…")],
        variable: "GEMINI_BASE_URL",
        address: "https://generativelanguage.googleapis.com",
    }
}

impl Provider {
    /// What a filled secret looks like.
    pub fn example(self) -> String {
        let members: Vec<String> = self.keys().iter().map(|(key, value)| format!("\"{key}\":\"{value}\"")).collect();
        format!("{{{}}}", members.join(","))
    }

    /// The template's parameter that says where the API is.
    pub fn base_url_parameter(self) -> String {
        pascal(self.base_url_variable())
    }

    /// The secret's logical id in the templates.
    pub fn secret_resource(self) -> String {
        format!("{}Secret", pascal(self.name()))
    }
}

/// `CLERK_API` as `ClerkApi`.
fn pascal(name: &str) -> String {
    name.split('_').map(|word| word[..1].to_ascii_uppercase() + &word[1..].to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_from_an_entry() {
        assert_eq!(Provider::Clerk.base_url_parameter(), "ClerkApiBaseUrl");
        assert_eq!(Provider::Clerk.secret_resource(), "ClerkSecret");
        assert_eq!(Provider::Clerk.example(), r#"{"secretKey":"sk_…","webhookSecret":"whsec_…"}"#);
        assert_eq!(Provider::ALL.map(Provider::name), ["clerk", "stream", "gemini"]);
    }
}
