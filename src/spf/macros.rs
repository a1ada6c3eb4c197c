//! Macro strings: their grammar (RFC 7208 section 7.1).

/// A macro string whose syntax is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MacroString(pub(super) Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Literal(Vec<u8>),
    Macro(Macro),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Macro {
    pub(super) letter: Letter,
    /// Upper case: the value is URL-escaped (7.3).
    pub(super) escaped: bool,
    /// How many right-hand parts stay; all of them where none is given.
    pub(super) parts: Option<usize>,
    pub(super) reversed: bool,
    /// Where the value is split; at the dots where none is given.
    pub(super) delimiters: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Letter {
    Sender,
    LocalPart,
    SenderDomain,
    Domain,
    Ip,
    ValidatedName,
    Version,
    Helo,
    ReadableIp,
    Receiver,
    Time,
}

impl MacroString {
    /// `domain-spec = macro-string domain-end`; `%{c}`, `%{r}` and `%{t}` are for explanations only (7.2).
    pub(super) fn domain_spec(text: &[u8]) -> Result<Self, &'static str> {
        let (string, literal_end) = Self::parse(text, |byte| byte != b' ')?;
        let ends_in_macro = literal_end.is_empty() && !text.is_empty();
        if !ends_in_macro && !ends_in_toplabel(literal_end) {
            return Err("a domain name must end in a dot and a top-level label, or in a macro");
        }
        if string.letters().any(Letter::is_for_explanations) {
            return Err("the macros c, r and t are for explanations only");
        }
        Ok(string)
    }

    /// `macro-string`, as the value of an unknown modifier.
    pub(super) fn modifier_value(text: &[u8]) -> Result<Self, &'static str> {
        Ok(Self::parse(text, |byte| byte != b' ')?.0)
    }

    /// `explain-string = *( macro-string / SP )`.
    pub(super) fn explain_string(text: &[u8]) -> Result<Self, &'static str> {
        Ok(Self::parse(text, |_| true)?.0)
    }

    /// Whether `%{p}` is in it, which must be looked up before.
    pub(super) fn needs_validated_name(&self) -> bool {
        self.letters().any(|letter| letter == Letter::ValidatedName)
    }

    /// Whether it expands the local part.
    pub(super) fn needs_local_part(&self) -> bool {
        self.letters()
            .any(|letter| matches!(letter, Letter::Sender | Letter::LocalPart))
    }

    /// Whether there is a macro letter in it at all.
    pub(super) fn has_macros(&self) -> bool {
        self.letters().next().is_some()
    }

    /// Parses; also gives the literal that follows the last `macro-expand`.
    fn parse(text: &[u8], literal: impl Fn(u8) -> bool) -> Result<(Self, &[u8]), &'static str> {
        let mut tokens = Vec::new();
        let mut rest = text;
        loop {
            let percent = rest.iter().position(|&byte| byte == b'%');
            let (run, after) = rest.split_at(percent.unwrap_or(rest.len()));
            if !run
                .iter()
                .all(|&byte| (b' '..=b'~').contains(&byte) && literal(byte))
            {
                return Err("only visible ASCII is allowed");
            }
            if !run.is_empty() {
                tokens.push(Token::Literal(run.to_vec()));
            }
            let Some(after) = after.strip_prefix(b"%") else {
                return Ok((Self(tokens), run));
            };
            let (kind, after) = after.split_first().ok_or(LONE_PERCENT)?;
            rest = match kind {
                b'%' => {
                    tokens.push(Token::Literal(b"%".to_vec()));
                    after
                }
                b'_' => {
                    tokens.push(Token::Literal(b" ".to_vec()));
                    after
                }
                b'-' => {
                    tokens.push(Token::Literal(b"%20".to_vec()));
                    after
                }
                b'{' => {
                    let end = after
                        .iter()
                        .position(|&byte| byte == b'}')
                        .ok_or("a macro has no closing brace")?;
                    let (inside, after) = after.split_at(end);
                    tokens.push(Token::Macro(Macro::parse(inside)?));
                    after.get(1..).unwrap_or_default()
                }
                _ => return Err(LONE_PERCENT),
            };
        }
    }

    fn letters(&self) -> impl Iterator<Item = Letter> {
        self.0.iter().filter_map(|token| match token {
            Token::Literal(_) => None,
            Token::Macro(the_macro) => Some(the_macro.letter),
        })
    }
}

const LONE_PERCENT: &str = "after % must follow {, %, _ or -";

/// `"." toplabel [ "." ]`, where a toplabel is of letters, digits and inner hyphens, not of digits alone.
fn ends_in_toplabel(text: &[u8]) -> bool {
    let text = text.strip_suffix(b".").unwrap_or(text);
    let Some(dot) = text.iter().rposition(|&byte| byte == b'.') else {
        return false;
    };
    let label = text.get(dot + 1..).unwrap_or_default();
    let alphanumeric = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    alphanumeric(label.first())
        && alphanumeric(label.last())
        && label
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        && !label.iter().all(u8::is_ascii_digit)
}

impl Letter {
    fn parse(byte: u8) -> Option<Self> {
        Some(match byte.to_ascii_lowercase() {
            b's' => Self::Sender,
            b'l' => Self::LocalPart,
            b'o' => Self::SenderDomain,
            b'd' => Self::Domain,
            b'i' => Self::Ip,
            b'p' => Self::ValidatedName,
            b'v' => Self::Version,
            b'h' => Self::Helo,
            b'c' => Self::ReadableIp,
            b'r' => Self::Receiver,
            b't' => Self::Time,
            _ => return None,
        })
    }

    fn is_for_explanations(self) -> bool {
        matches!(self, Self::ReadableIp | Self::Receiver | Self::Time)
    }
}

impl Macro {
    /// What stands between the braces: `macro-letter transformers *delimiter`.
    fn parse(inside: &[u8]) -> Result<Self, &'static str> {
        let (&first, rest) = inside.split_first().ok_or("a macro has no letter")?;
        let letter = Letter::parse(first).ok_or("unknown macro letter")?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = rest.split_at(digits);
        let parts = match digits {
            [] => None,
            digits => match digits.iter().fold(0_usize, |number, digit| {
                number
                    .saturating_mul(10)
                    .saturating_add(usize::from(digit - b'0'))
            }) {
                // 7.3: "If a DIGIT is specified, the value MUST be nonzero".
                0 => return Err("a macro can't keep 0 parts"),
                number => Some(number),
            },
        };
        let (reversed, delimiters) = match rest {
            [b'r' | b'R', delimiters @ ..] => (true, delimiters),
            delimiters => (false, delimiters),
        };
        if !delimiters.iter().all(|byte| b".-+,/_=".contains(byte)) {
            return Err(
                "after the letter of a macro expected: a number, r, and the delimiters . - + , / _ =",
            );
        }
        Ok(Self {
            letter,
            escaped: first.is_ascii_uppercase(),
            parts,
            reversed,
            delimiters: delimiters.to_vec(),
        })
    }
}
