//! Strings that nobody says by chance, planted where personal things belong.

/// A person's name.
pub const NAME: &str = "Zephyrine Quillfeather";
/// The parts of that name as Clerk knows them.
pub const NAMES: [&str; 2] = ["Zephyrine", "Quillfeather"];
/// An e-mail address, also with what the deployed stack's own people have.
pub const EMAIL: &str = "zq.canary@mailbox-quillfeather.example.test";
/// Something a person writes about themselves or another.
pub const WORDS: &str = "marmalade locomotive under a violet tarpaulin";
/// Something said in a session.
pub const SPOKEN: &str = "I would shard the pelican index by the phase of the moon";
/// A claim in a session token.
pub const CLAIM: &str = "claim-of-the-teal-albatross";
/// What stands where a token, key or signature is expected.
pub const NOT_A_TOKEN: &str = "not-a-token-but-a-vermilion-walrus";

/// All of them.
pub const ALL: [&str; 7] = [NAMES[0], NAMES[1], EMAIL, WORDS, SPOKEN, CLAIM, NOT_A_TOKEN];
