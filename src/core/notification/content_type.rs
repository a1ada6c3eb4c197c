//! What the message's own Content-Type says. Its grammar (RFC 2045 section 5.1, RFC 2231) is mail-parser's work.

use std::fmt;

use mail_parser::{HeaderValue, parsers::MessageStream};

use crate::core::printable::printable;

/// The most octets that are read; a report's own are some hundred.
const MAX_LENGTH: usize = 4096;
/// The most octets of an unknown report type that are kept.
const MAX_TYPE: usize = 32;

/// The Content-Type of a report (RFC 6522).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// `report-type=delivery-status` (RFC 3464).
    DeliveryStatus,
    /// `report-type=disposition-notification` (RFC 8098).
    DispositionNotification,
    /// `report-type=feedback-report` (RFC 5965): a complaint.
    FeedbackReport,
    /// `report-type=tlsrpt` (RFC 8460).
    TlsReport,
    /// `multipart/report` of another type, printable.
    OtherReport(String),
    /// `multipart/report` without its type, which RFC 6522 section 3 wants.
    UntypedReport,
}

impl ContentType {
    /// What a parsed Content-Type says; `None` where it is no report's.
    pub fn of_report(parsed: &Parsed) -> Option<Self> {
        let subtype = parsed.subtype().unwrap_or_default();
        let report_type = parsed
            .attribute("report-type")
            .map(|value| value.trim().to_ascii_lowercase())
            .filter(|value| !value.is_empty());
        if !parsed.ctype().eq_ignore_ascii_case("multipart") {
            return None;
        }
        match report_type.as_deref() {
            // Gateways that add a disclaimer make it multipart/mixed and leave the parameter.
            Some("delivery-status") => Some(Self::DeliveryStatus),
            Some("disposition-notification") => Some(Self::DispositionNotification),
            _ if !subtype.eq_ignore_ascii_case("report") => None,
            Some("feedback-report") => Some(Self::FeedbackReport),
            Some("tlsrpt") => Some(Self::TlsReport),
            Some(other) => Some(Self::OtherReport(printable(other.as_bytes(), MAX_TYPE))),
            None => Some(Self::UntypedReport),
        }
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeliveryStatus => f.write_str("report-type=delivery-status"),
            Self::DispositionNotification => f.write_str("report-type=disposition-notification"),
            Self::FeedbackReport => f.write_str("report-type=feedback-report"),
            Self::TlsReport => f.write_str("report-type=tlsrpt"),
            Self::OtherReport(other) => write!(f, "report-type={other}"),
            Self::UntypedReport => f.write_str("multipart/report"),
        }
    }
}

/// Whether a parsed Content-Type is that of an answer to an invitation (RFC 6047 section 2.4).
pub fn is_calendar_reply(parsed: &Parsed) -> bool {
    parsed.ctype().eq_ignore_ascii_case("text")
        && parsed
            .subtype()
            .unwrap_or_default()
            .eq_ignore_ascii_case("calendar")
        && parsed.attribute("method").is_some_and(|method| {
            ["reply", "counter", "declinecounter"]
                .iter()
                .any(|answer| method.eq_ignore_ascii_case(answer))
        })
}

/// A Content-Type in its parts.
pub type Parsed = mail_parser::ContentType<'static>;

/// Reads an unfolded Content-Type.
pub fn parse(line: &[u8]) -> Option<Parsed> {
    let mut line = line.get(..MAX_LENGTH).unwrap_or(line).to_vec();
    line.push(b'\n');
    match MessageStream::new(&line).parse_content_type().into_owned() {
        HeaderValue::ContentType(parsed) => Some(parsed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of_report(line: &[u8]) -> Option<ContentType> {
        ContentType::of_report(&parse(line)?)
    }

    fn is_calendar(line: &[u8]) -> bool {
        parse(line).as_ref().is_some_and(is_calendar_reply)
    }

    #[test]
    fn parameters_are_read_as_mime_has_them() {
        let dsn = Some(ContentType::DeliveryStatus);
        for (line, expected) in [
            (
                "multipart/report; report-type=delivery-status; boundary=b",
                dsn.clone(),
            ),
            ("Multipart/Report; REPORT-TYPE=Delivery-Status", dsn.clone()),
            (
                "multipart/report; boundary=\"a; report-type=x\";\treport-type=\"delivery-status\"",
                dsn.clone(),
            ),
            (
                "multipart/report;report-type=delivery-status;;",
                dsn.clone(),
            ),
            (
                "multipart/report (a; report) ; (x) report-type=delivery-status (y)",
                dsn.clone(),
            ),
            (
                "multipart/report; report-type = delivery-status",
                dsn.clone(),
            ),
            (
                "multipart/report; report-type*=us-ascii'en'delivery%2Dstatus",
                dsn.clone(),
            ),
            (
                "multipart/report; report-type*0=delivery-; report-type*1=\"status\"",
                dsn.clone(),
            ),
            (
                "multipart/report; report-type=\"delivery\\-status\"",
                dsn.clone(),
            ),
            (
                "multipart/mixed; report-type=delivery-status; boundary=b",
                dsn,
            ),
            (
                "multipart/report; report-type=disposition-notification",
                Some(ContentType::DispositionNotification),
            ),
            (
                "multipart/report; report-type=feedback-report",
                Some(ContentType::FeedbackReport),
            ),
            (
                "multipart/report; report-type=\"tlsrpt\"",
                Some(ContentType::TlsReport),
            ),
            (
                "multipart/report; report-type=\"a b\"",
                Some(ContentType::OtherReport("a\\x20b".to_owned())),
            ),
            (
                "multipart/report; boundary=b",
                Some(ContentType::UntypedReport),
            ),
            (
                "multipart/report; boundary=\"report-type=delivery-status\"",
                Some(ContentType::UntypedReport),
            ),
            ("multipart/mixed; boundary=b", None),
            (
                "multipart/mixed; boundary=\"x; report-type=delivery-status\"",
                None,
            ),
            ("message/delivery-status", None),
            ("text/plain; report-type=delivery-status", None),
            ("multipart/reports", None),
            ("report", None),
            ("", None),
        ] {
            assert_eq!(of_report(line.as_bytes()), expected, "{line}");
        }
        assert!(is_calendar(b"text/calendar; charset=utf-8; method=REPLY"));
        assert!(!is_calendar(b"text/calendar; method=REQUEST"));
        assert!(!is_calendar(b"text/plain; method=REPLY"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(
            pieces in proptest::collection::vec(
                prop_oneof![
                    proptest::sample::select(vec![
                        "multipart/report", "report-type", "*", "0", "=", ";", "'", "\"", "\\", "(", ")", " ", "\r", "\t",
                        "%2D", "=?utf-8?q?", "?=", "a", "A", "/", "\n", "\n ",
                    ])
                    .prop_map(|piece| piece.as_bytes().to_vec()),
                    proptest::collection::vec(any::<u8>(), 0..3),
                ],
                0..40,
            ),
        ) {
            of_report(&pieces.concat());
        }
    }
}
