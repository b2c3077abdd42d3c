//! What two spellings of the same words have in common, and how many words a text has.
//!
//! A model that quotes a transcript changes case, quotation marks, spacing and forms of characters. [`words`] reduces a
//! text to words that survive this: compatibility forms are unified (Unicode NFKC), case is folded, punctuation and
//! symbols separate words, an apostrophe within a word is dropped, and so are characters that are not seen. Each word
//! remembers where it stands in the original, so that the original's own substring can be given back.
//!
//! Scripts that write no spaces have no word boundaries to go by. Each Chinese ideograph and each kana is a word of its
//! own here; so is each letter of Thai, Lao, Khmer and Myanmar for matching, while [`word_count`] counts four of those
//! as one word, which is about their average length.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, decompose_compatible, is_combining_mark};
use unicode_normalization::{IsNormalized, is_nfc_quick};

const LETTERS_PER_CONTINUOUS_WORD: usize = 4;

/// One normalised word and where it stands in the original text, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The word, normalised.
    pub text: String,
    /// The bytes of the original that it was made of.
    pub range: Range<usize>,
    script: Script,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    /// Words are separated by spaces.
    Spaced,
    /// Each character counts as a word.
    Ideographic,
    /// Words are not separated, and a character is less than a word.
    Continuous,
}

impl Script {
    fn of(c: char) -> Self {
        match u32::from(c) {
            // Kana, bopomofo, ideographs with their extensions and compatibility forms.
            0x3005..=0x3007
            | 0x3040..=0x312F
            | 0x31A0..=0x31FF
            | 0x3400..=0x4DBF
            | 0x4E00..=0x9FFF
            | 0xF900..=0xFAFF
            | 0x1_B000..=0x1_B16F
            | 0x2_0000..=0x3_FFFF => Self::Ideographic,
            // Thai and Lao, Myanmar, Khmer.
            0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF => Self::Continuous,
            _ => Self::Spaced,
        }
    }
}

/// The words of a text, in order.
pub fn words(text: &str) -> Vec<Word> {
    let mut builder = Builder::default();
    let mut chars = text.char_indices();
    while let Some((start, first)) = chars.next() {
        let mut end = start + first.len_utf8();
        // What combines with the character before it is normalised together with it, whatever unseen stands between:
        // Bengali, for one, writes a joiner before a sign.
        let mut ahead = chars.clone();
        while let Some((at, next)) = ahead.next() {
            if !is_invisible(next) {
                if stands_alone(next) {
                    break;
                }
                end = at + next.len_utf8();
            }
            chars = ahead.clone();
        }
        if first.is_ascii() && end == start + 1 {
            builder.push(first.to_ascii_lowercase(), start..end, true);
        } else {
            let seen: String = text[start..end].chars().filter(|c| !is_invisible(*c)).collect();
            let folded = fold(&seen);
            let single = folded.chars().nth(1).is_none();
            for c in folded.chars() {
                builder.push(c, start..end, single);
            }
        }
    }
    builder.finish()
}

/// The normalised text: its words with single spaces between them.
pub fn normalise(text: &str) -> String {
    let mut normalised = String::with_capacity(text.len());
    for word in words(text) {
        if !normalised.is_empty() {
            normalised.push(' ');
        }
        normalised.push_str(&word.text);
    }
    normalised
}

/// How many words a text has, by the rules at the head of this module.
pub fn word_count(text: &str) -> usize {
    count(&words(text))
}

/// How many words these are, counting the letters of scripts without spaces together.
pub fn count(words: &[Word]) -> usize {
    words
        .chunk_by(|a, b| {
            a.script == Script::Continuous && b.script == Script::Continuous && a.range.end == b.range.start
        })
        .map(|run| match run[0].script {
            Script::Continuous => run.len().div_ceil(LETTERS_PER_CONTINUOUS_WORD),
            Script::Spaced | Script::Ideographic => run.len(),
        })
        .sum()
}

/// Whether normalisation never joins `c` with what stands before it.
fn stands_alone(c: char) -> bool {
    if c.is_ascii() {
        return true;
    }
    let mut first = None;
    decompose_compatible(c, |part| {
        first.get_or_insert(part);
    });
    let first = first.unwrap_or(c);
    canonical_combining_class(first) == 0 && is_nfc_quick(std::iter::once(first)) == IsNormalized::Yes
}

/// NFKC and case folding, repeated where folding leaves something to normalise.
fn fold(text: &str) -> String {
    let mut folded: String = text.nfkc().collect();
    for _ in 0..3 {
        let next: String = folded.chars().flat_map(char::to_lowercase).flat_map(fold_special).nfkc().collect();
        if next == folded {
            break;
        }
        folded = next;
    }
    folded
}

/// The letters whose lower case still has a second spelling.
fn fold_special(c: char) -> impl Iterator<Item = char> {
    let (first, second) = match c {
        'ß' => ('s', Some('s')),
        'ς' => ('σ', None),
        c => (c, None),
    };
    std::iter::once(first).chain(second)
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | '‘' | '`' | '´' | 'ʼ')
}

/// Soft hyphens, joiners, direction marks and the byte order mark: characters that are there and are not seen.
fn is_invisible(c: char) -> bool {
    matches!(u32::from(c), 0x00AD | 0x061C | 0x180E | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0xFE00..=0xFE0F | 0xFEFF)
}

/// What else shows nothing by itself: the rest of Unicode's Default_Ignorable_Code_Point, the blank pattern of Braille,
/// annotation marks, characters for private use, and what is no character.
fn is_blank(c: char) -> bool {
    matches!(u32::from(c),
        0x034F | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F | 0x2800 | 0x3164 | 0xE000..=0xF8FF | 0xFFA0
        | 0xFFF0..=0xFFFB | 0xFFFE | 0xFFFF | 0x1_BCA0..=0x1_BCA3 | 0x1_D173..=0x1_D17A | 0xE_0000..=0x10_FFFF)
}

/// Whether a character leaves a trace on the screen.
pub fn is_seen(c: char) -> bool {
    !is_invisible(c) && !is_blank(c) && !is_combining_mark(c) && !c.is_whitespace() && !c.is_control()
}

/// Whether a character may stand in a text of several lines: it is no control character but one that makes lines, and does
/// not make others appear in another order than they are in (Unicode TR36, "Bidirectional Text Spoofing").
pub fn fits_a_text(c: char) -> bool {
    let reorders = matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    !reorders && (!c.is_control() || matches!(c, '\n' | '\r' | '\t'))
}

/// Whether a character may stand in a single line, such as a name: it is seen, a space, or shapes what is beside it, as
/// joiners and selectors of variants do.
pub fn fits_a_line(c: char) -> bool {
    let shapes = matches!(c, '\u{200C}' | '\u{200D}' | '\u{180B}'..='\u{180D}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}');
    let is_line_end = matches!(c, '\u{2028}' | '\u{2029}');
    shapes || !(c.is_control() || is_line_end || is_invisible(c) || is_blank(c))
}

/// Whether a character is not seen and has a say in how what is beside it is read: marks and overrides of direction,
/// spaces of no width, letters of tags. Joiners are none of these: scripts and emoji need them.
pub fn is_hidden(c: char) -> bool {
    matches!(u32::from(c), 0x061C | 0x200B | 0x200E | 0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0xFEFF | 0xE_0001 | 0xE_0020..=0xE_007F)
}

/// A text that somebody else's machine wrote, fit to be stored and shown: without hidden characters, and without control
/// characters but for line ends and tabs.
pub fn cleaned(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => clean.push('\n'),
            '\n' | '\t' => clean.push(c),
            c if is_hidden(c) => {}
            c if c.is_control() => clean.push(' '),
            c => clean.push(c),
        }
    }
    clean
}

#[derive(Default)]
struct Builder {
    words: Vec<Word>,
    /// Whether the next letter continues the last word.
    open: bool,
}

impl Builder {
    /// `single` says that `c` is all that its piece of the original became. An apostrophe or an invisible character is
    /// dropped only then: otherwise what follows in the piece would combine with the word before it.
    fn push(&mut self, c: char, range: Range<usize>, single: bool) {
        if single && (is_apostrophe(c) || is_invisible(c)) {
            return;
        }
        if is_combining_mark(c) && !is_invisible(c) {
            // A mark without a letter before it says nothing.
            if self.open {
                self.extend(c, range.end);
            }
            return;
        }
        if !c.is_alphanumeric() || is_apostrophe(c) || is_invisible(c) {
            self.open = false;
            return;
        }
        let script = Script::of(c);
        let joins =
            self.open && script == Script::Spaced && self.words.last().is_some_and(|word| word.script == script);
        if joins {
            self.extend(c, range.end);
        } else {
            self.words.push(Word { text: c.to_string(), range, script });
            self.open = true;
        }
    }

    fn extend(&mut self, c: char, end: usize) {
        if let Some(word) = self.words.last_mut() {
            word.text.push(c);
            word.range.end = end;
        }
    }

    fn finish(self) -> Vec<Word> {
        self.words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_of_the_same_words_are_equal() {
        for (text, expected) in [
            ("I don’t know", "i dont know"),
            ("I DON'T  know!", "i dont know"),
            ("well-known, „really“", "well known really"),
            ("ﬁle ＡＢＣ ①", "file abc 1"),
            ("Zoë Zoe\u{308}", "zoë zoë"),
            ("Straße STRASSE", "strasse strasse"),
            ("ΟΔΟΣ οδος", "οδοσ οδοσ"),
            ("İstanbul", "i\u{307}stanbul"),
            ("co\u{ad}operate zero\u{200b}width", "cooperate zerowidth"),
            ("Zoe\u{200b}\u{308} র\u{200d}\u{9cd}যাংক", "zoë র\u{9cd}যাংক"),
            ("3.5 + 4½", "3 5 41 2"),
            ("\u{301} \u{feff}x", "x"),
            ("", ""),
            ("…?!", ""),
            ("我们用Rust。", "我 们 用 rust"),
            ("नमस्ते दुनिया", "नमस्ते दुनिया"),
        ] {
            assert_eq!(normalise(text), expected, "{text}");
        }
    }

    #[test]
    fn a_line_has_what_is_seen_and_what_shapes_it() {
        for name in ["Zoë O’Neil", "میرزا\u{200c}یی", "क्\u{200d}ष", "Ada 👩\u{200d}💻", "❤\u{fe0f}", "葛\u{e0100}城"]
        {
            assert!(name.chars().all(fits_a_line), "{name}");
        }
        for name in [
            "Ada\u{200b}",
            "\u{feff}Ada",
            "Ada\u{202e}adA",
            "Ada\nLovelace",
            "Ada\u{2028}",
            "Ada\u{7}",
            "Ada\u{3164}",
            "Ada\u{fff9}",
            "\u{e000}",
        ] {
            assert!(!name.chars().all(fits_a_line), "{name:?}");
        }
        assert!("two\r\n\tlines, \u{200e}one\u{200b}".chars().all(fits_a_text));
        assert!(!fits_a_text('\u{202e}') && !fits_a_text('\u{2066}') && !fits_a_text('\0'));
        assert!(!"\u{200d} \u{fe0f}\t\u{3164}\u{2800}\u{300}\u{17b4}\u{e0100}".chars().any(is_seen));
    }

    #[test]
    fn what_a_machine_wrote_is_cleaned() {
        for (text, clean) in [
            ("two\r\nlines\tand\u{2028}a third\rand a fourth", "two\nlines\tand\na third\nand a fourth"),
            ("\u{202e}evil\u{202c} \u{2066}and\u{2069} \u{61c}\u{200e}\u{200f}marks\u{feff}", "evil and marks"),
            ("bell\u{7}escape\u{1b}[31m nul\0c1\u{9b}", "bell escape [31m nul c1 "),
            ("zero\u{200b}width\u{2060}\u{e0041}", "zerowidth"),
            (
                "میرزا\u{200c}یی क्\u{200d}ष 👩\u{200d}💻 ❤\u{fe0f} Zoë",
                "میرزا\u{200c}یی क्\u{200d}ष 👩\u{200d}💻 ❤\u{fe0f} Zoë",
            ),
            ("", ""),
        ] {
            assert_eq!(cleaned(text), clean);
        }
    }

    #[test]
    fn words_point_at_the_original() {
        let text = "  “It’s  ﬁne”, he said.";
        let found: Vec<&str> = words(text).into_iter().map(|word| &text[word.range]).collect();
        assert_eq!(found, ["It’s", "ﬁne", "he", "said"]);
    }

    #[test]
    fn words_are_counted_in_several_scripts() {
        for (text, count) in [
            ("I don't know, well-known things.", 6),
            ("El año pasado, en Perú", 5),
            ("我们用缓存", 5),
            ("キャッシュを使う", 8),
            ("데이터베이스를 사용합니다", 2),
            ("मैंने कैश का इस्तेमाल किया", 5),
            ("ผมใช้ฐานข้อมูล ครับ", 4),
            ("لقد استخدمت قاعدة بيانات", 4),
            ("- … ?", 0),
        ] {
            assert_eq!(word_count(text), count, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        #[test]
        fn what_is_clean_stays_so_and_has_nothing_that_reorders(text in any::<String>()) {
            let clean = cleaned(&text);
            prop_assert!(clean.chars().all(|c| fits_a_text(c) && !is_hidden(c) && c != '\r'));
            prop_assert_eq!(cleaned(&clean), clean);
        }

        #[test]
        fn normalising_twice_changes_nothing(text in any::<String>()) {
            let once = normalise(&text);
            prop_assert_eq!(normalise(&once), once);
        }

        #[test]
        fn normalising_twice_changes_nothing_for_marks_and_joiners(
            text in "[a-eA-E'’ \u{200d}\u{fe0f}ßςΣİ\u{301}\u{307}\u{323}\u{9c7}\u{9be}\u{1100}\u{1161}\u{11a8}ｶ\u{ff9e}か\u{3099}ำกﬁŉ½\u{345}]{0,12}"
        ) {
            let once = normalise(&text);
            prop_assert_eq!(normalise(&once), once);
        }

        #[test]
        fn ranges_are_ordered_parts_of_the_text(text in any::<String>()) {
            let mut end = 0;
            for word in words(&text) {
                prop_assert!(!word.text.is_empty());
                prop_assert!(text.get(word.range.clone()).is_some_and(|part| !part.is_empty()));
                prop_assert!(word.range.start >= end || word.range.end >= end);
                end = word.range.end;
            }
        }
    }
}
