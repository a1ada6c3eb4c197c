//! Encoded words (RFC 2047). The charsets and base64 are mail-parser's. Where a word begins and ends is found here,
//! in linear time; and neighbours of one charset are joined before they are decoded, because mailers cut words
//! between the octets of one character.

use mail_parser::decoders::{base64::base64_decode, charsets::map::charset_decoder};

/// The text that a mail program would show for an unfolded header value.
pub fn decode(line: &[u8]) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    // Octets of neighbouring words, and their charset.
    let mut pending: Option<(&[u8], Vec<u8>)> = None;
    while let Some(at) = begin(rest) {
        let (before, word) = rest.split_at(at);
        let Some(word) = Word::parse(word) else {
            // No word after all: its `=?` is plain text.
            let (plain, after) = rest.split_at(at + 2);
            flush(&mut text, pending.take());
            text.push_str(&eight_bit(plain));
            rest = after;
            continue;
        };
        // RFC 2047 section 6.2: blanks between two encoded words are not shown.
        let neighbours = pending.is_some() && before.trim_ascii().is_empty();
        if !neighbours {
            flush(&mut text, pending.take());
            text.push_str(&eight_bit(before));
        }
        pending = match pending.take() {
            Some((charset, mut octets)) if charset.eq_ignore_ascii_case(word.charset) => {
                octets.extend(word.octets);
                Some((charset, octets))
            }
            other => {
                flush(&mut text, other);
                Some((word.charset, word.octets))
            }
        };
        rest = rest.get(at + word.length..).unwrap_or_default();
    }
    flush(&mut text, pending);
    text.push_str(&eight_bit(rest));
    text
}

struct Word<'a> {
    charset: &'a [u8],
    /// Decoded, in the charset.
    octets: Vec<u8>,
    /// Of the whole word, in octets, `=?` and `?=` included.
    length: usize,
}

impl<'a> Word<'a> {
    /// Reads `=?charset*language?encoding?text?=`. Neither part can hold a `?` (RFC 2047 section 2), which keeps this
    /// linear; blanks in the text and words longer than 75 octets are against the RFC, but sent and shown.
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut parts = bytes.get(2..)?.splitn(4, |&byte| byte == b'?');
        let (charset, encoding, text) = (parts.next()?, parts.next()?, parts.next()?);
        parts.next()?.strip_prefix(b"=")?;
        let octets = match encoding {
            b"B" | b"b" => base64(text)?,
            b"Q" | b"q" => quoted_printable(text),
            _ => return None,
        };
        let length = 2 + charset.len() + 1 + encoding.len() + 1 + text.len() + 2;
        // RFC 2231 section 5: the language.
        let charset = charset.split(|&byte| byte == b'*').next()?;
        (!charset.is_empty()).then_some(Self {
            charset,
            octets,
            length,
        })
    }
}

fn begin(bytes: &[u8]) -> Option<usize> {
    bytes.windows(2).position(|pair| pair == b"=?")
}

/// With or without its padding: mail programs read both.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .iter()
        .copied()
        .filter(|&byte| byte != b'=' && !byte.is_ascii_whitespace())
        .collect();
    base64_decode(&digits)
}

/// RFC 2047 section 4.2: `_` is a space, `=XX` an octet; a `=` without two digits stays.
fn quoted_printable(text: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        octets.push(match (byte, after) {
            (b'_', _) => b' ',
            (b'=', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => byte,
            },
            _ => byte,
        });
    }
    octets
}

fn flush(text: &mut String, pending: Option<(&[u8], Vec<u8>)>) {
    if let Some((charset, octets)) = pending {
        // What hides behind a charset nobody knows is read as its plain octets.
        text.push_str(&match charset_decoder(charset) {
            Some(decoder) => decoder(&octets),
            None => eight_bit(&octets),
        });
    }
}

/// RFC 6532 has raw 8-bit be UTF-8; what isn't is nearly always Windows-1252.
fn eight_bit(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => charset_decoder(b"windows-1252").map_or_else(
            || bytes.iter().copied().map(char::from).collect(),
            |decoder| decoder(bytes),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lab::process::cpu_time;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_shown_as_mail_programs_do() {
        for (line, text) in [
            (b"plain".as_slice(), "plain"),
            (
                b"=?utf-8?Q?R=C3=A9ponse_automatique?= : x",
                "Réponse automatique : x",
            ),
            (b"=?ISO-8859-1?q?=E4?= =?ISO-8859-1?Q?=F6?=", "äö"),
            (b"=?utf-8?B?w6Q=?=\t=?utf-8?b?w7Y?= c", "äö c"),
            // One character cut between two words.
            (b"=?utf-8?Q?=C3?= =?UTF-8?Q?=A4?=", "ä"),
            (b"=?utf-8?Q?=C3=A4?= =?iso-8859-1?Q?=F6?=", "äö"),
            (b"a =?utf-8?Q?b?= c =?x-unknown?Q?d=E9?=", "a b c dé"),
            (b"a=?utf-8*de?Q?b?=c", "abc"),
            (b"=?utf-8?B?w6 Q=?=", "ä"),
            (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
            (b"=?gb2312?B?19S2r7vYuLQ=?=", "自动回复"),
            (b"=?utf-8?Q?a b?=", "a b"),
            (b"=?utf-8?Q?=4?=", "=4"),
            (b"\xc3\xa4 \xff", "Ã¤ ÿ"),
            (b"\xc3\xa4", "ä"),
            // No words.
            (b"=?utf-8?Q?a", "=?utf-8?Q?a"),
            (b"=?utf-8?X?a?=", "=?utf-8?X?a?="),
            (b"=??Q?a?=", "=??Q?a?="),
            (b"=?=?utf-8?Q?a?=", "=?a"),
            (b"=?utf-8?B?*?=", "=?utf-8?B?*?="),
        ] {
            assert_eq!(decode(line), text, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn hostile_values_cost_linear_time() {
        for unit in [
            "=?",
            "=?a?",
            "=?utf-8?q?",
            "=?utf-8?q? ",
            "=?u?b?=",
            "=?utf-7?q?+?=",
            "?=",
            "=?a?q?=?= ",
            "=?u*",
        ] {
            let line = unit.repeat(60_000 / unit.len());
            let begun = cpu_time();
            decode(line.as_bytes());
            // Quadratic time would be minutes in this unoptimised build.
            assert!(cpu_time() - begun < Duration::from_secs(2), "{unit}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_decode(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            decode(&bytes);
        }

        #[test]
        fn any_octets_decode_in_any_charset(
            charset in "(utf-(7|8|16|16le|16be)|iso-8859-[0-9]|iso-2022-jp|gb2312|big5|euc-kr|koi8-r|cp850|macintosh|windows-874)",
            octets in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let hex: String = octets.iter().map(|octet| format!("={octet:02X}")).collect();
            // What the octets mean can look like the begin of a word again; the word itself is gone.
            let word = format!("=?{charset}?Q?");
            let text = decode(format!("{word}{hex}?=").as_bytes());
            prop_assert!(!text.contains(&word), "{}", text);
        }
    }
}
