//! Subjects that notifications have, as MTAs, providers and autoresponders write them in their languages.

mod phrases;

use std::{borrow::Cow, fmt};

use memchr::memmem;

use crate::core::{folded::folded, header::Header};
use phrases::{AUTO_REPLY, AUTO_REPLY_WITHIN, BOUNCE, BOUNCE_WHOLE, DMARC_REPORT, RECEIPT};

/// How much of a subject is looked at, in characters.
const MAX_LENGTH: usize = 256;
/// Words of up to this many octets mean something else without their colon.
const MAX_NEEDS_COLON: usize = 6;
/// How many tags in brackets (`[EXTERNAL]`, `***SPAM***`) can stand before it.
const MAX_TAGS: usize = 3;
/// What opens and closes a tag.
const BRACKETS: &[(&str, &str)] = &[
    ("[", "]"),
    ("(", ")"),
    ("{", "}"),
    ("<", ">"),
    ("【", "】"),
    ("〔", "〕"),
    ("「", "」"),
    ("『", "』"),
    ("《", "》"),
    ("«", "»"),
    ("***", "***"),
];

/// What a subject says that the message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A bounce, a delay, a delivery notice.
    Bounce,
    /// An answer that no human wrote.
    AutoReply,
    /// A read receipt.
    Receipt,
    /// A DMARC aggregate report.
    DmarcReport,
}

impl Subject {
    /// What this subject says; `None` for all others. A tag before it says as much as the words themselves:
    /// `[Automatic reply] hello`.
    pub fn of(header: &Header) -> Option<Self> {
        let text = header.text();
        let end = text.char_indices().nth(MAX_LENGTH);
        let start = end.and_then(|(end, _)| text.get(..end)).unwrap_or(&text);
        Self::read(start).or_else(|| Self::read(&folded(start)?))
    }

    fn read(text: &str) -> Option<Self> {
        let shown = comparable(text);
        let mut rest = shown.as_str();
        for _ in 0..MAX_TAGS {
            let Some((tag, after)) = tag(rest) else {
                break;
            };
            if let Some(said) = Self::said(tag) {
                return Some(said);
            }
            rest = after;
        }
        Self::said(rest)
    }

    fn said(text: &str) -> Option<Self> {
        let first = text.as_bytes().first();
        let begins = |phrases: &[&str]| {
            // Nearly all of some hundred are passed over by this.
            let mut alike = phrases
                .iter()
                .filter(|phrase| phrase.as_bytes().first() == first);
            alike.any(|phrase| begins_with(text, phrase))
        };
        let holds = |phrases: &[&str]| {
            let mut finds = phrases
                .iter()
                .map(|phrase| memmem::find(text.as_bytes(), phrase.as_bytes()));
            finds.any(|at| at.is_some())
        };
        let is = |phrases: &[&str]| phrases.contains(&text.trim_end_matches(['.', '!', ':']));
        if begins(DMARC_REPORT) {
            Some(Self::DmarcReport)
        } else if begins(BOUNCE) || is(BOUNCE_WHOLE) {
            Some(Self::Bounce)
        } else if begins(RECEIPT) {
            Some(Self::Receipt)
        } else if begins(AUTO_REPLY) || holds(AUTO_REPLY_WITHIN) {
            Some(Self::AutoReply)
        } else {
            None
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bounce => "bounce",
            Self::AutoReply => "auto-reply",
            Self::Receipt => "receipt",
            Self::DmarcReport => "dmarc-report",
        })
    }
}

/// Lower case, blanks of every sort made one space, none before a colon: the French write one there. Full-width forms of
/// ASCII, and the dashes and apostrophes of typographers, are made ASCII.
fn comparable(text: &str) -> String {
    let start: Cow<'_, str> = match text.is_ascii() {
        true => text.into(),
        false => text.chars().map(plain).collect(),
    };
    let words: Vec<&str> = start.split_whitespace().collect();
    words.join(" ").to_lowercase().replace(" :", ":")
}

/// The character that stands for this one in comparisons.
fn plain(char: char) -> char {
    match char {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' => '-',
        '\u{2019}' => '\'',
        '\u{fe55}' | '\u{2236}' => ':',
        // Unicode's block of full-width ASCII.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(char) - 0xfee0).unwrap_or(char),
        _ => char,
    }
}

/// Whether the text begins with the phrase. A colon at the end of a phrase stands for all that sets its words apart.
fn begins_with(text: &str, phrase: &str) -> bool {
    let Some(words) = phrase.strip_suffix(':') else {
        return text.starts_with(phrase);
    };
    text.strip_prefix(words).is_some_and(|rest| {
        let is_apart = rest.is_empty() || rest.starts_with('-') || rest.starts_with(" -");
        // `auto - hello` is about a car.
        rest.starts_with(':') || is_apart && words.len() > MAX_NEEDS_COLON
    })
}

/// What the first tag says, and what follows it.
fn tag(text: &str) -> Option<(&str, &str)> {
    BRACKETS.iter().find_map(|(open, close)| {
        let (tag, rest) = text.strip_prefix(open)?.split_once(close)?;
        Some((tag.trim(), rest.trim_start_matches('*').trim_start()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_say_what_programs_write() {
        for (subject, says) in [
            ("Undelivered Mail Returned to Sender", Some(Subject::Bounce)),
            (
                "[EXTERNAL] [SPAM?] Undeliverable: hello",
                Some(Subject::Bounce),
            ),
            (
                "R\u{e9}ponse automatique\u{a0}: bonjour",
                Some(Subject::AutoReply),
            ),
            (
                "=?iso-8859-1?Q?R=E9ponse_automatique_:_bonjour?=",
                Some(Subject::AutoReply),
            ),
            (
                "Automatische\r\n Antwort: Angebot",
                Some(Subject::AutoReply),
            ),
            (
                "AUTO: Jane Doe is out of the office (returning 03/04/2024)",
                Some(Subject::AutoReply),
            ),
            ("Jane Doe is out of the office.", Some(Subject::AutoReply)),
            (
                "Report domain: example.org Submitter: example.com",
                Some(Subject::DmarcReport),
            ),
            ("Return Receipt (displayed) - hello", Some(Subject::Receipt)),
            ("Re: Undelivered Mail Returned to Sender", None),
            ("Fwd: Automatic reply: hello", None),
            (
                "Returned Mail - Error During Delivery",
                Some(Subject::Bounce),
            ),
            ("Returned mail \u{2013} user unknown", Some(Subject::Bounce)),
            ("Returned mail", Some(Subject::Bounce)),
            ("Returned mail from the exhibition", None),
            ("Mail Delivery Warning", Some(Subject::Bounce)),
            ("\u{ff35}ndeliverable\u{ff1a}hello", Some(Subject::Bounce)),
            ("Undeliverable \u{2013} hello", Some(Subject::Bounce)),
            ("Undeliverable\u{fe55} hello", Some(Subject::Bounce)),
            ("Undeliverable\u{2236} hello", Some(Subject::Bounce)),
            ("Message d\u{2019}absence", Some(Subject::AutoReply)),
            ("Und\u{435}liver\u{430}ble: hello", Some(Subject::Bounce)),
            ("Un\u{ad}deliverable: hello", Some(Subject::Bounce)),
            ("***SPAM*** Undeliverable: hello", Some(Subject::Bounce)),
            ("*****SPAM***** Undeliverable: hello", Some(Subject::Bounce)),
            ("{Spam?} Undeliverable: hello", Some(Subject::Bounce)),
            ("[Undeliverable] hello", Some(Subject::Bounce)),
            ("Non remis - bonjour", Some(Subject::Bounce)),
            ("Onbestelbaar", Some(Subject::Bounce)),
            (
                "[Automatyczna =?iso-8859-2?Q?odpowied=BC?=] hello",
                Some(Subject::AutoReply),
            ),
            ("(Out of office) hello", Some(Subject::AutoReply)),
            (
                "\u{3010}自動返信\u{3011}お問い合わせ",
                Some(Subject::AutoReply),
            ),
            (
                "\u{ff3b}自動返信\u{ff3d}お問い合わせ",
                Some(Subject::AutoReply),
            ),
            ("[list] [Auto-Reply] hello", Some(Subject::AutoReply)),
            ("Auto - Angebot", None),
            ("Delivery status", Some(Subject::Bounce)),
            ("Delivery status of your order", None),
            ("[vacation] hello", None),
            ("[bounce-handling] patch", None),
            ("[list", None),
            ("Why is my mail undeliverable?", None),
            ("", None),
        ] {
            assert_eq!(
                Subject::of(&Header::new(b"Subject", subject.as_bytes())),
                says,
                "{subject}"
            );
        }
    }

    #[test]
    fn phrases_are_written_as_they_are_compared() {
        for phrase in [
            DMARC_REPORT,
            BOUNCE,
            BOUNCE_WHOLE,
            RECEIPT,
            AUTO_REPLY,
            AUTO_REPLY_WITHIN,
        ]
        .concat()
        {
            assert_eq!(comparable(phrase), phrase.trim_end(), "{phrase}");
        }
    }
}
