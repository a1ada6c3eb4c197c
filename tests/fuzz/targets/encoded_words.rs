//! Encoded words (RFC 2047): what was encoded is decoded, and everything else is shown as it stands.

use backstop::core::header::Header;

use super::input::Input;

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let cut = 1 + input.below(40);
    let base64 = input.one_in(2);
    let text = input.rest();
    shown(text);
    encoded(text, cut, base64);
}

fn shown(value: &[u8]) {
    let header = Header::new(b"Subject", value);
    let text = header.text();
    // The longest that one octet can become is what stands for an octet that has no meaning: three.
    assert!(text.len() <= 4 * value.len(), "{}", text.len());
    let line = header.unfolded();
    assert!(!line.contains(&b'\r') && !line.contains(&b'\n'));
    if let (Ok(line), false) = (
        std::str::from_utf8(&line),
        line.windows(2).any(|two| two == b"=?"),
    ) {
        assert_eq!(text, line);
    }
}

/// Mailers cut words between the octets of one character, too.
fn encoded(text: &[u8], cut: usize, base64: bool) {
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let words: Vec<String> = text
        .as_bytes()
        .chunks(cut)
        .map(|octets| match base64 {
            true => format!("=?UTF-8?b?{}?=", in_base64(octets)),
            false => {
                let octets = octets.iter().map(|octet| format!("={octet:02X}"));
                format!("=?utf-8?Q?{}?=", octets.collect::<String>())
            }
        })
        .collect();
    let value = words.join("\r\n ");
    assert_eq!(Header::new(b"X", value.as_bytes()).text(), text);
}

fn in_base64(octets: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in octets.chunks(3) {
        let number = (0..3).fold(0, |number, at| {
            number << 8 | usize::from(*three.get(at).unwrap_or(&0))
        });
        for digit in 0..4 {
            text.push(match digit <= three.len() {
                true => char::from(DIGITS[number >> (18 - 6 * digit) & 63]),
                false => '=',
            });
        }
    }
    text
}
