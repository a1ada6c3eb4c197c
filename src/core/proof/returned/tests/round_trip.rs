//! An arbitrary message, wrapped as each program does it, comes out as it went in.

use data_encoding::BASE64_MIME;
use proptest::{collection::vec, prelude::*};

use super::*;

/// A message as octets: its header section and its body.
#[derive(Clone, Debug)]
struct Original {
    raw: Vec<u8>,
    body: Vec<u8>,
}

impl Original {
    fn octets(&self) -> Vec<u8> {
        [&self.raw, b"\r\n".as_slice(), &self.body].concat()
    }
}

/// A line of octets that are no line end.
fn line(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![
        6 => 0x20..=0x7e_u8,
        2 => Just(b'='),
        2 => Just(b' '),
        1 => Just(b'\t'),
        1 => any::<u8>(),
    ];
    let octet = octet.prop_filter("a line end", |byte| !b"\r\n".contains(byte));
    vec(octet, 0..longest)
}

fn original() -> impl Strategy<Value = Original> {
    let field = ("[A-Za-z][A-Za-z-]{0,20}", line(90), vec(line(40), 0..3));
    let field = field.prop_map(|(name, value, folds)| {
        let mut field = [name.as_bytes(), b":", &value].concat();
        for fold in folds {
            field.extend([b"\r\n\t".as_slice(), &fold].concat());
        }
        field.extend(b"\r\n");
        field
    });
    (vec(field, 0..8), vec(line(120), 0..12)).prop_map(|(fields, lines)| {
        let mut raw = b"Return-Path: <joe@example.org>\r\n".to_vec();
        raw.extend(fields.concat());
        raw.extend(b"Message-ID: <1@example.org>\r\n");
        let body = lines.into_iter().flat_map(|line| [line, b"\r\n".to_vec()]);
        Original {
            raw,
            body: body.flatten().collect(),
        }
    })
}

fn multipart(head: &str, part: &[u8]) -> Vec<u8> {
    let front = format!(
        "Subject: failed\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"=_b:1\"\r\n\r\n\
         --=_b:1\r\n\r\nIt failed.\r\n--=_b:1\r\nContent-Type: {head}\r\n\r\n"
    );
    [front.as_bytes(), part, b"\r\n--=_b:1--\r\n"].concat()
}

fn text(front: &str, part: &[u8]) -> Vec<u8> {
    [b"Subject: failed\r\n\r\n", front.as_bytes(), part].concat()
}

fn quoted_printable(octets: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for line in octets.split_inclusive(|&byte| byte == b'\n') {
        let (line, end) = match line.strip_suffix(b"\r\n") {
            Some(line) => (line, b"\r\n".as_slice()),
            None => (line, b"".as_slice()),
        };
        let mut column = 0;
        for (at, &byte) in line.iter().enumerate() {
            let last = at + 1 == line.len();
            let plain = byte.is_ascii_graphic() && byte != b'=' || byte == b' ' && !last;
            let piece = match plain {
                true => vec![byte],
                false => format!("={byte:02X}").into_bytes(),
            };
            if column + piece.len() > 75 {
                encoded.extend(b"=\r\n");
                column = 0;
            }
            column += piece.len();
            encoded.extend(piece);
        }
        encoded.extend(end);
    }
    encoded
}

/// The notification, and whether it has the body, of each form.
fn wrapped(original: &Original) -> Vec<(&'static str, Vec<u8>, bool)> {
    let octets = original.octets();
    let base64 = BASE64_MIME.encode(&octets);
    vec![
        ("8bit", multipart("message/rfc822", &octets), true),
        (
            "base64",
            multipart(
                "message/rfc822\r\nContent-Transfer-Encoding: base64",
                base64.as_bytes(),
            ),
            true,
        ),
        (
            "quoted-printable",
            multipart(
                "message/global\r\nContent-Transfer-Encoding: Quoted-Printable",
                &quoted_printable(&octets),
            ),
            true,
        ),
        (
            "headers",
            multipart("text/rfc822-headers", &original.raw),
            false,
        ),
        (
            "encoded headers",
            multipart(
                "message/global-headers\r\nContent-Transfer-Encoding: base64",
                BASE64_MIME.encode(&original.raw).as_bytes(),
            ),
            false,
        ),
        (
            "qmail",
            text(
                "Hi. This is the qmail-send program at mx.example.net.\r\n\r\n<a@example.net>:\r\nNo.\r\n\r\n\
                 --- Below this line is a copy of the message.\r\n\r\n",
                &octets,
            ),
            true,
        ),
        (
            "exim",
            text(
                "This message was created automatically by mail delivery software.\r\n\r\n  a@example.net\r\n    No.\r\n\r\n\
                 ------ This is a copy of the message, including all the headers. ------\r\n\r\n",
                &octets,
            ),
            true,
        ),
        (
            "sendmail",
            text("   ----- Original message follows -----\r\n\r\n", &octets),
            false,
        ),
    ]
}

proptest! {
    // Eight forms each.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_went_in_comes_out(original in original()) {
        for (form, message, whole) in wrapped(&original) {
            let report = read_message(&message);
            let returned = report.returned.first();
            let returned = returned.unwrap_or_else(|| panic!("{form}: {}", message.escape_ascii()));
            prop_assert_eq!(&returned.raw, &original.raw, "{}", form);
            let (headers, _) = Headers::parse(&original.raw);
            prop_assert_eq!(&returned.headers, &headers, "{}", form);
            let body = whole.then_some(&original.body);
            prop_assert_eq!(returned.body.as_ref(), body, "{}", form);
        }
    }

    /// Some hosts change line ends; signatures don't see it when they are changed back.
    #[test]
    fn bare_line_feeds_come_out_as_line_ends(original in original()) {
        for (form, message, _) in wrapped(&original) {
            let bare: Vec<u8> = message.iter().copied().filter(|&byte| byte != b'\r').collect();
            prop_assert_eq!(read_message(&bare), read_message(&message), "{}", form);
        }
    }

    /// What was cut is never taken for whole, and never shows a field that was not there.
    #[test]
    fn a_cut_gives_the_front_of_it(original in original(), at in any::<prop::sample::Index>()) {
        for (form, message, _) in wrapped(&original) {
            let length = at.index(body_length(&message));
            if let Some(returned) = read_cut(&message, length).returned.first() {
                prop_assert!(original.raw.starts_with(&returned.raw), "{}", form);
                let body = returned.body.as_ref();
                prop_assert!(body.is_none_or(|body| *body == original.body), "{}", form);
            }
        }
    }

}

proptest! {
    // Every form in every other.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_bounce_in_a_bounce_gives_both(original in original()) {
        for (outer, _, _) in wrapped(&original) {
            for (inner, message, _) in wrapped(&original) {
                let at = Headers::parse(&message).1;
                let bounce = Original { raw: message[..at - 2].to_vec(), body: message[at..].to_vec() };
                let all = wrapped(&bounce);
                let Some((_, message, true)) = all.iter().find(|(form, ..)| *form == outer) else {
                    continue;
                };
                let report = read_message(message);
                prop_assert_eq!(&report.returned[0].raw, &bounce.raw, "{} in {}", inner, outer);
                // One boundary within itself has only one meaning: the outer's (RFC 2046 section 5.1.2).
                if outer != "8bit" || ["qmail", "exim", "sendmail"].contains(&inner) {
                    prop_assert_eq!(&report.returned[1].raw, &original.raw, "{} in {}", inner, outer);
                }
            }
        }
    }
}
