//! What a mail with a report has attached (RFC 9990 section 5.4).

use mail_parser::{MessageParser, MessagePart, MimeHeaders, PartType};

/// The most parts of a mail that are looked at. A report is alone in its mail.
const MAX_PARTS: usize = 8;

/// The parts of this message that may be a report: by their type, their name, or how they begin. Mail within the mail is not
/// looked into: who sent that is not shown by who sent this.
pub fn attached(message: &[u8]) -> Vec<Vec<u8>> {
    let parsed = MessageParser::new().with_mime_headers().parse(message);
    let parts = parsed.map(|parsed| parsed.parts).unwrap_or_default();
    let reports = parts.iter().filter(|part| may_be_report(part));
    reports
        .take(MAX_PARTS)
        .map(|part| part.contents().to_vec())
        .collect()
}

fn may_be_report(part: &MessagePart<'_>) -> bool {
    if matches!(part.body, PartType::Message(_) | PartType::Multipart(_)) {
        return false;
    }
    let kind = part.content_type();
    let subtype = kind.and_then(|kind| kind.subtype()).unwrap_or_default();
    let subtype = subtype.to_ascii_lowercase();
    let is_text = kind.is_none_or(|kind| kind.ctype().eq_ignore_ascii_case("text"));
    // The report of another kind (RFC 8460) may come to the same mailbox.
    if subtype.contains("tlsrpt") {
        return false;
    }
    let name = part
        .attachment_name()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let is_named = [".xml", ".gz", ".gzip", ".zip"]
        .iter()
        .any(|end| name.ends_with(end));
    let is_typed = ["gzip", "zip", "xml"]
        .iter()
        .any(|word| subtype.contains(word));
    let begins = || {
        let octets = part.contents();
        let packed = [&b"\x1f\x8b"[..], b"PK\x03\x04"];
        packed.iter().any(|sign| octets.starts_with(sign))
    };
    // `report.json.gz` is RFC 8460's, too.
    !name.contains(".json") && (is_named || is_typed || !is_text && begins())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mail with a text and this part.
    fn mail(kind: &str, disposition: &str, encoding: &str, octets: &str) -> Vec<u8> {
        format!(
            "From: a@b.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n\
             --x\r\nContent-Type: text/plain\r\n\r\nThis is a report.\r\n\
             --x\r\nContent-Type: {kind}\r\nContent-Disposition: {disposition}\r\n\
             Content-Transfer-Encoding: {encoding}\r\n\r\n{octets}\r\n--x--\r\n"
        )
        .into_bytes()
    }

    #[test]
    fn a_report_is_found_by_type_name_or_beginning() {
        let zip = "UEsDBA=="; // PK\x03\x04
        let gzip = "H4sIAAAA";
        for (kind, disposition, octets, is_found) in [
            ("application/gzip", "attachment", gzip, true),
            ("application/x-gzip", "inline", gzip, true),
            (
                "application/zip",
                "attachment; filename=\"a!b!1!2.zip\"",
                zip,
                true,
            ),
            ("application/x-zip-compressed", "attachment", zip, true),
            (
                "application/octet-stream",
                "attachment; filename=a!b!1!2.xml.gz",
                gzip,
                true,
            ),
            ("application/octet-stream", "attachment", gzip, true),
            ("application/octet-stream", "attachment", zip, true),
            ("application/octet-stream", "attachment", "AAAA", false),
            ("text/xml", "attachment", "PGZlZWRiYWNrPg==", true),
            ("application/xml", "attachment", "PGZlZWRiYWNrPg==", true),
            (
                "text/plain",
                "attachment; filename=a.xml",
                "PGZlZWRiYWNrPg==",
                true,
            ),
            (
                "text/plain",
                "attachment; filename=a.txt",
                "PGZlZWRiYWNrPg==",
                false,
            ),
            ("text/html", "inline", "PGZlZWRiYWNrPg==", false),
            ("image/png", "inline", "iVBORw==", false),
            ("application/tlsrpt+gzip", "attachment", gzip, false),
            (
                "application/gzip",
                "attachment; filename=a.json.gz",
                gzip,
                false,
            ),
        ] {
            let found = attached(&mail(kind, disposition, "base64", octets));
            assert_eq!(
                found.len(),
                usize::from(is_found),
                "{kind} {disposition}: {found:?}"
            );
        }
    }

    #[test]
    fn a_report_may_be_all_of_the_mail() {
        let mail = b"From: a@b.example\r\nContent-Type: application/gzip; name=\"r.xml.gz\"\r\nContent-Transfer-Encoding: base64\r\n\r\nH4sIAAAA\r\n";
        assert_eq!(attached(mail), [b"\x1f\x8b\x08\0\0\0"]);
        let plain = b"From: a@b.example\r\nContent-Type: text/xml\r\n\r\n<feedback/>\r\n";
        assert_eq!(attached(plain).len(), 1);
    }

    #[test]
    fn mail_within_the_mail_and_many_parts_are_not_looked_at() {
        let inner = String::from_utf8(mail("application/gzip", "attachment", "base64", "H4sIAAAA"))
            .unwrap();
        let outer = format!("From: c@d.example\r\nContent-Type: message/rfc822\r\n\r\n{inner}");
        assert!(attached(outer.as_bytes()).is_empty());
        let part = "--x\r\nContent-Type: application/gzip\r\n\r\nA\r\n";
        let many = format!(
            "From: a@b.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n{}--x--\r\n",
            part.repeat(1_000)
        );
        assert_eq!(attached(many.as_bytes()).len(), MAX_PARTS);
        assert!(attached(b"").is_empty());
    }
}
