//! What people see in a text, in ASCII: a word that is written with letters of other scripts, in full width, or with
//! characters in between that have no width, reads like the plain one, and a rule for that is to find it.
//!
//! Only characters outside of ASCII are folded, and only where ASCII comes of it. Unicode's table (TR 39) folds ASCII as
//! well, for two folded texts are to be compared by it: `m` is `rn` there, and `medicine` would no longer be found.

use unicode_normalization::char::decompose_compatible;
use unicode_security::confusable_detection::skeleton;

/// How much of a text is looked at, in octets.
const MAX_TEXT: usize = 32 * 1024;

/// The text as it looks; `None` where it looks as it is written, as all does that is ASCII. Of the first 32 KiB; it is
/// hardly longer than them.
pub fn folded(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let text = text.get(..text.floor_char_boundary(MAX_TEXT))?;
    let mut seen = String::with_capacity(text.len());
    text.chars().for_each(|char| push(&mut seen, char));
    (seen != text).then_some(seen)
}

fn push(seen: &mut String, char: char) {
    if char.is_ascii() {
        return seen.push(char);
    }
    let begun = seen.len();
    // Full width, and others of which Unicode says that they are these letters in another form.
    decompose_compatible(char, |part| seen.push(part));
    if is_ascii_from(seen, begun) {
        return;
    }
    seen.truncate(begun);
    let mut buffer = [0; 4];
    // Nothing comes of what has no width.
    seen.extend(skeleton(char.encode_utf8(&mut buffer)));
    if !is_ascii_from(seen, begun) {
        seen.truncate(begun);
        seen.push(char);
    } else if seen.get(begun..) == Some("l") && char.is_uppercase() {
        // The table has one letter for all that are a stroke, and ASCII's own are not folded to it.
        seen.truncate(begun);
        seen.push('I');
    }
}

fn is_ascii_from(text: &str, begun: usize) -> bool {
    text.get(begun..).is_some_and(str::is_ascii)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lab::process::cpu_time;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_folded_to_what_people_see() {
        for (text, seen) in [
            // As it is written.
            ("", None),
            ("medicine rnail.test w\\ 1lI|0O", None),
            ("sch\u{f6}n, na\u{ef}ve, \u{1e9e}", None),
            ("scho\u{308}n", None),
            ("\u{65e5}\u{672c}\u{8a9e} \u{d55c}\u{ad6d}\u{c5b4}", None),
            // Nothing is seen of these.
            ("ca\u{ad}si\u{200b}no", Some("casino")),
            (
                "c\u{200c}a\u{200d}s\u{2060}i\u{feff}n\u{34f}o",
                Some("casino"),
            ),
            (
                "c\u{202e}a\u{2066}s\u{180e}i\u{fe0f}n\u{e0061}o",
                Some("casino"),
            ),
            ("\u{200b}", Some("")),
            ("sch\u{f6}\u{ad}n", Some("sch\u{f6}n")),
            // Wide, round, thick.
            (
                "\u{ff23}\u{ff21}\u{ff33}\u{ff29}\u{ff2e}\u{ff2f}",
                Some("CASINO"),
            ),
            (
                "\u{1d402}\u{1d41a}\u{1d42c}\u{1d422}\u{1d427}\u{1d428}",
                Some("Casino"),
            ),
            (
                "\u{24d2}\u{24d0}\u{24e2}\u{24d8}\u{24dd}\u{24de}",
                Some("casino"),
            ),
            ("\u{ff11}\u{ff10}\u{ff05}", Some("10%")),
            ("a\u{a0}b\u{3000}c", Some("a b c")),
            ("\u{2026}\u{2122}\u{fb01}", Some("...TMfi")),
            // Other scripts.
            ("\u{441}\u{430}\u{455}\u{456}n\u{43e}", Some("casino")),
            ("\u{421}\u{410}\u{405}\u{406}N\u{41e}", Some("CASINO")),
            ("\u{3a1}\u{391}\u{3a5}\u{3a1}AL", Some("PAYPAL")),
            ("p\u{430}yp\u{430}l", Some("paypal")),
            ("m\u{435}dicin\u{435}", Some("medicine")),
            // What only looks like ASCII in part is folded there, and stands elsewhere.
            (
                "\u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}",
                Some("\u{43f}p\u{438}\u{432}e\u{442}"),
            ),
        ] {
            assert_eq!(folded(text).as_deref(), seen, "{}", text.escape_unicode());
        }
    }

    #[test]
    fn work_and_size_are_bounded() {
        for char in [
            '\u{430}',
            '\u{fdfa}',
            '\u{1d402}',
            '\u{200b}',
            '\u{33ff}',
            '\u{308}',
            '\u{1f1e6}',
        ] {
            let text = char.to_string().repeat((1 << 20) / char.len_utf8());
            let begun = cpu_time();
            let seen = folded(&text).unwrap_or_default();
            assert!(seen.len() <= 2 * MAX_TEXT, "{}", seen.len());
            // A megabyte would take twenty times as long.
            assert!(
                cpu_time() - begun < Duration::from_secs(2),
                "{}",
                char.escape_unicode()
            );
        }
    }

    proptest! {
        #[test]
        fn only_what_is_not_ascii_changes_and_only_to_ascii(text in any::<String>()) {
            let seen = folded(&text).unwrap_or_else(|| text.clone());
            let plain = |text: &str| text.chars().filter(|char| !char.is_ascii()).collect::<Vec<_>>();
            let (before, after) = (plain(&text), plain(&seen));
            let mut rest = before.iter();
            prop_assert!(after.iter().all(|char| rest.any(|one| one == char)));
            prop_assert_eq!(folded(&seen), None);
        }

        #[test]
        fn ascii_stays(text in "[ -~\r\n\t]{0,60}") {
            prop_assert_eq!(folded(&text), None);
            // Also beside something that is folded.
            prop_assert_eq!(folded(&format!("{text}\u{ad}")), Some(text));
        }
    }
}
