//! The steps of a check, in the order they were made, for `backstop spf` and `backstop explain`.

use super::limits::{MAX_QUOTE, TRACE_ANSWERS, TRACE_LINES};

/// A bounded list of bounded lines; always empty where nobody will read them.
#[derive(Debug)]
pub(super) struct Trace {
    wanted: bool,
    lines: Vec<String>,
    left_out: usize,
}

impl Trace {
    /// No step yet; `wanted` says whether anybody will read them.
    pub(super) fn new(wanted: bool) -> Self {
        Self {
            wanted,
            lines: Vec::new(),
            left_out: 0,
        }
    }

    /// Adds a step. Its text is only made where it is wanted, and there is room for it.
    pub(super) fn add(&mut self, line: impl FnOnce() -> String) {
        if !self.wanted {
            return;
        }
        if self.lines.len() < TRACE_LINES {
            self.lines.push(line());
        } else {
            self.left_out += 1;
        }
    }

    /// The lines, with a last one that counts the steps there was no room for.
    pub(super) fn into_lines(mut self) -> Vec<String> {
        if self.left_out > 0 {
            self.lines
                .push(format!("... and {} more steps", self.left_out));
        }
        self.lines
    }
}

/// A stranger's text, safe to print on one line: everything but printable ASCII escaped, long texts cut.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let mut text = String::new();
    for &byte in bytes {
        if text.len() >= MAX_QUOTE {
            text.push_str("...");
            break;
        }
        match byte {
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text
}

/// The answers to one question, in one line.
pub(super) fn listed<T>(answers: &[T], show: impl Fn(&T) -> String) -> String {
    if answers.is_empty() {
        return "nothing (void)".to_owned();
    }
    let mut shown: Vec<String> = answers.iter().take(TRACE_ANSWERS).map(show).collect();
    if answers.len() > TRACE_ANSWERS {
        shown.push(format!("and {} more", answers.len() - TRACE_ANSWERS));
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_stays_on_one_short_line() {
        for (bytes, text) in [
            (b"a b~".as_slice(), "a b~"),
            (b"a\r\nX: y\x1b[0m", "a\\x0d\\x0aX: y\\x1b[0m"),
            (b"\\x0d\xff", "\\\\x0d\\xff"),
        ] {
            assert_eq!(quoted(bytes), text);
        }
        assert!(quoted(&[0xff; 100_000]).len() < MAX_QUOTE + 10);
    }

    #[test]
    fn a_trace_is_bounded() {
        let mut trace = Trace::new(true);
        for step in 0..10_000 {
            trace.add(|| step.to_string());
        }
        let lines = trace.into_lines();
        assert_eq!(lines.len(), TRACE_LINES + 1);
        assert_eq!(
            lines.last().unwrap(),
            &format!("... and {} more steps", 10_000 - TRACE_LINES)
        );
        assert!(listed(&[1; 5000], |n| n.to_string()).len() < 100);
    }

    #[test]
    fn what_nobody_reads_is_not_written() {
        let mut trace = Trace::new(false);
        trace.add(|| unreachable!("formatted"));
        assert!(trace.into_lines().is_empty());
    }
}
