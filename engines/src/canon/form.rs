//! Text in a form in which differences that do not count are gone.
//!
//! Case folding and normalisation are Unicode's own, by the data of ICU4X, and
//! the same for all servers: what *their* collations call equal differs from one
//! to the next, and from version to version.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizer, DecomposingNormalizer};
use serde::{Deserialize, Serialize};

/// What is done to text before it is compared, in this order: spaces at the
/// end, case, composition, and then whether anything is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextForm {
    pub trim_spaces: bool,
    pub ignore_case: bool,
    pub nfc: bool,
    pub empty_is_null: bool,
}

impl TextForm {
    /// `None`: the text is as good as NULL. Applying it twice changes nothing.
    #[must_use]
    pub fn apply(self, text: &str) -> Option<Cow<'_, str>> {
        let trimmed = if self.trim_spaces { text.trim_end_matches(' ') } else { text };
        if self.empty_is_null && trimmed.is_empty() {
            return None;
        }
        Some(match (self.ignore_case, self.nfc) {
            (false, false) => Cow::Borrowed(trimmed),
            // Of ASCII there is one composition only.
            (true, _) if trimmed.is_ascii() => Cow::Owned(trimmed.to_ascii_lowercase()),
            (false, true) => ComposingNormalizer::new_nfc().normalize(trimmed),
            (true, false) => fold(trimmed),
            // The Unicode Standard, D145: folded between two normalisations, as
            // each of them makes work for the other.
            (true, true) => {
                let decomposed = DecomposingNormalizer::new_nfd().normalize(trimmed);
                Cow::Owned(ComposingNormalizer::new_nfc().normalize(&fold(&decomposed)).into_owned())
            }
        })
    }
}

/// Full case folding, `ß` to `ss`; without the Turkic exceptions.
fn fold(text: &str) -> Cow<'_, str> {
    CaseMapper::new().fold_string(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: TextForm = TextForm { trim_spaces: false, ignore_case: false, nfc: false, empty_is_null: false };
    const FOLDED: TextForm = TextForm { ignore_case: true, ..PLAIN };
    const NFC: TextForm = TextForm { nfc: true, ..PLAIN };
    const BOTH: TextForm = TextForm { ignore_case: true, nfc: true, ..PLAIN };

    fn alike(form: TextForm, a: &str, b: &str) -> bool {
        for text in [a, b] {
            let once = form.apply(text).unwrap_or_default();
            assert_eq!(form.apply(&once).unwrap_or_default(), once, "{text:?} changes again");
        }
        form.apply(a) == form.apply(b)
    }

    #[test]
    fn case_folds_fully_and_nothing_else_does() {
        for (a, b) in [("Hello", "hELLO"), ("STRASSE", "straße"), ("ΣΊΣΥΦΟΣ", "σίσυφοσ"), ("Ⓐ", "ⓐ"), ("ﬁ", "FI")]
        {
            assert!(alike(FOLDED, a, b), "{a} {b}");
            assert!(!alike(PLAIN, a, b), "{a} {b}");
        }
        // Accents, width and the Turkic letters stay apart.
        for (a, b) in [("e", "é"), ("a", "ａ"), ("ı", "i"), ("İ", "i"), ("a", "а")] {
            assert!(!alike(FOLDED, a, b), "{a} {b}");
            assert!(!alike(BOTH, a, b), "{a} {b}");
        }
    }

    #[test]
    fn compositions_meet_and_compatibility_does_not() {
        assert!(alike(NFC, "\u{e9}", "e\u{301}"));
        assert!(alike(NFC, "\u{212b}", "\u{c5}"));
        assert!(!alike(PLAIN, "\u{e9}", "e\u{301}"));
        assert!(!alike(FOLDED, "\u{c9}", "e\u{301}"), "folding alone composes nothing");
        assert!(alike(BOTH, "\u{c9}", "e\u{301}"));
        // Folding takes the mark apart, and another one moves before it.
        assert!(alike(BOTH, "\u{1fb3}\u{301}", "\u{391}\u{301}\u{345}"));
        for (a, b) in [("ﬁ", "fi"), ("²", "2"), ("\u{a0}", " ")] {
            assert!(!alike(NFC, a, b), "{a} {b}");
        }
    }

    /// Pairs that came with Unicode 16 and 17; which version it is stands in the
    /// documentation.
    #[test]
    fn the_tables_are_recent() {
        for (capital, small) in [("\u{a7cb}", "\u{264}"), ("\u{a7ce}", "\u{a7cf}")] {
            assert!(alike(FOLDED, capital, small), "{capital} {small}");
        }
    }

    #[test]
    fn spaces_at_the_end_go_and_no_others() {
        let trimmed = TextForm { trim_spaces: true, ..PLAIN };
        assert!(alike(trimmed, "a", "a   "));
        for other in [" a", "a\t", "a\n", "a\u{a0}", "a b"] {
            assert!(!alike(trimmed, "a", other), "{other:?}");
        }
    }

    #[test]
    fn nothing_left_is_null_only_where_it_is_declared() {
        let empty = TextForm { empty_is_null: true, ..PLAIN };
        assert_eq!(empty.apply(""), None);
        assert_eq!(empty.apply(" ").as_deref(), Some(" "));
        assert_eq!(TextForm { trim_spaces: true, ..empty }.apply("  "), None);
        assert_eq!(PLAIN.apply("").as_deref(), Some(""));
    }
}
