//! The order of the commands that the milter crate answers, as far as the commands alone show it.
//!
//! It takes for granted that CONNECT, MAIL and RCPT are negotiated, which the policy needs; the other stages can be
//! negotiated away.

use super::framing::Violation;

/// What can come next after the commands so far. Replies are not seen here, so after a refusal more is allowed than
/// the milter crate would answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// No command came yet.
    #[default]
    Start,
    /// Options are negotiated; CONNECT comes next.
    Negotiated,
    /// Between messages.
    Connected,
    /// After MAIL.
    Mail,
    /// After RCPT.
    Rcpt,
    /// After an unknown SMTP command that followed RCPT.
    Interrupted,
    /// After DATA or a header.
    Header,
    /// After the end of the header, or a part of the body.
    Body,
    /// After the end of the message.
    Ended,
    /// After QUIT.
    Quit,
}

impl Phase {
    /// Takes a command, and gives the one to pass on. For QUIT_NC, a QUIT that keeps the connection, it is QUIT.
    pub(super) fn advance(&mut self, command: u8) -> Result<u8, Violation> {
        if !b"ABCDEHKLMNOQRTU".contains(&command) {
            return Err(Violation::UnknownCommand);
        }
        let command = if command == b'K' { b'Q' } else { command };
        *self = self.next(command).ok_or(Violation::OutOfOrder)?;
        Ok(command)
    }

    pub(super) fn between_messages(self) -> bool {
        use Phase::*;
        matches!(self, Start | Negotiated | Connected | Ended | Quit)
    }

    fn next(self, command: u8) -> Option<Self> {
        use Phase::*;
        Some(match (self, command) {
            (Quit, _) => return None,
            (_, b'Q') => Quit,
            (Start, b'O') => Negotiated,
            (Start, _) | (_, b'O') => return None,
            (phase, b'D') => phase,
            (Negotiated, b'C') => Connected,
            // The milter crate would answer HELO and MAIL here, for a client whose CONNECT never came.
            (Negotiated, _) | (_, b'C') => return None,
            // HELO and MAIL end an unfinished message, with or without ABORT (RFC 5321 4.1.4).
            (_, b'A' | b'H') => Connected,
            (_, b'M') => Mail,
            (Mail | Rcpt | Interrupted, b'R') => Rcpt,
            (Mail, b'U') => Mail,
            (Rcpt | Interrupted, b'U') => Interrupted,
            (_, b'U') => Connected,
            (Rcpt | Interrupted, b'T') => Header,
            (Rcpt | Header, b'L') => Header,
            (Rcpt | Header, b'N') => Body,
            (Rcpt | Interrupted | Header | Body, b'B') => Body,
            (Rcpt | Header | Body, b'E') => Ended,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the milter crate is handed, and whether the last command was refused.
    fn run(commands: &str) -> (String, Option<Violation>) {
        let mut phase = Phase::default();
        let mut handed = String::new();
        for command in commands.bytes() {
            match phase.advance(command) {
                Ok(command) => handed.push(command.into()),
                Err(violation) => return (handed, Some(violation)),
            }
        }
        (handed, None)
    }

    #[test]
    fn what_mtas_write_passes() {
        for commands in [
            "Q",
            "OQ",
            "ODCDHDMDRDTDLLLDNDBBDEQ",
            "OCMRTLNBEMRTLNBEQ",  // without HELO, as non_smtpd_milters
            "OCHMRRRLNE",         // no DATA, no body
            "OCHMRE",             // all but the envelope negotiated away
            "OCHMRTE",            // likewise, with DATA
            "OCHMRTNE",           // no header at all
            "OCHMRTLNAMRTLNBE",   // aborted in the body
            "OCHMAMRTLNBE",       // MAIL refused, then aborted
            "OCHMMRTLNBE",        // MAIL refused, then another
            "OCHMHMRTLNBE",       // EHLO after STARTTLS
            "OCHHAAHMRTLNBEAAMR", // aborts between messages
            "OCUHUMURUURUTLNBEU", // unknown SMTP commands
        ] {
            assert_eq!(run(commands), (commands.to_owned(), None));
        }
    }

    #[test]
    fn what_the_crate_would_not_answer_is_refused() {
        for commands in [
            "D",
            "H",
            "C",
            "A",
            "OO",
            "OA",
            "OU",
            "OH",
            "OM",
            "OR",
            "OCC",
            "OCO",
            "OCR",
            "OCT",
            "OCL",
            "OCN",
            "OCB",
            "OCE",
            "OCMT",
            "OCML",
            "OCMN",
            "OCMB",
            "OCME",
            "OCMRC",
            "OCMRTT",
            "OCMRTR",
            "OCMRTLT",
            "OCMRTLR",
            "OCMRTLNN",
            "OCMRTLNL",
            "OCMRTLNR",
            "OCMRTLNBL",
            "OCMRTLNBEE",
            "OCMRTLNBER",
            "OCMRAR",
            "OCMRHR",
            "OCMRUL",
            "OCMRUN",
            "OCMRUE",
            "OCMRTUL",
            "OCMRTLUE",
            "OCMREC",
            "OQM",
        ] {
            let (passed, _) = commands.split_at(commands.len() - 1);
            assert_eq!(
                run(commands),
                (passed.to_owned(), Some(Violation::OutOfOrder)),
                "{commands}"
            );
        }
    }

    #[test]
    fn quit_nc_is_quit() {
        for (commands, handed) in [
            ("OK", "OQ"),
            ("OCHK", "OCHQ"),
            ("OCMRK", "OCMRQ"),
            ("OCMREK", "OCMREQ"),
        ] {
            assert_eq!(run(commands), (handed.to_owned(), None));
        }
    }

    #[test]
    fn unknown_commands() {
        for command in (0..=255u8).filter(|b| !b"ABCDEHKLMNOQRTU".contains(b)) {
            assert_eq!(
                Phase::Connected.advance(command),
                Err(Violation::UnknownCommand)
            );
        }
    }
}
