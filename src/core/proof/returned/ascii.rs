//! Sets of ASCII characters: whether an octet is one of them is told at once.

/// A set of ASCII characters.
#[derive(Clone, Copy)]
pub struct Ascii(u128);

impl Ascii {
    /// These, which are ASCII.
    pub const fn of(characters: &[u8]) -> Self {
        let (mut set, mut rest) = (Self(0), characters);
        while let Some((one, others)) = rest.split_first() {
            set = set.or(*one);
            rest = others;
        }
        set
    }

    /// And this one.
    pub const fn or(self, character: u8) -> Self {
        Self(self.0 | 1 << (character & 0x7f))
    }

    /// Whether the octet is one of them.
    pub fn has(self, octet: u8) -> bool {
        octet.is_ascii() && self.0 >> octet & 1 == 1
    }
}

/// The letters with which some known texts begin: most lines begin with another one, and are not compared with each of
/// them.
#[derive(Clone, Copy)]
pub struct Begin(Ascii);

impl Begin {
    /// Of no text yet.
    pub const fn none() -> Self {
        Self(Ascii::of(b""))
    }

    /// And of this one, which is ASCII.
    pub const fn or(self, text: &str) -> Self {
        match text.as_bytes().first() {
            Some(first) => Self(self.0.or(first.to_ascii_lowercase())),
            None => self,
        }
    }

    /// Whether one of them can stand here, in whatever case.
    pub fn may_begin(self, text: &[u8]) -> bool {
        let first = text.first().map(u8::to_ascii_lowercase);
        first.is_some_and(|first| self.0.has(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_in() {
        let (members, set) = (b"\0 a~\x7f", Ascii::of(b"\0 a~\x7f"));
        for octet in 0..=u8::MAX {
            assert_eq!(set.has(octet), members.contains(&octet), "{octet}");
        }
    }

    #[test]
    fn a_text_begins_in_any_case() {
        const BEGIN: Begin = Begin::none().or("From").or("").or("-");
        for (text, may) in [
            ("from", true),
            ("FOR", true),
            ("-", true),
            ("rom", false),
            ("", false),
            ("\u{e6}", false),
        ] {
            assert_eq!(BEGIN.may_begin(text.as_bytes()), may, "{text}");
        }
    }
}
