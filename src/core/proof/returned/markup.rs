//! The text of an HTML part, only as far as it takes to find returned headers in it: Exchange writes them so.

/// Tags at which a new line begins.
const BREAKS: [&str; 11] = [
    "br", "p", "div", "pre", "tr", "li", "h1", "h2", "h3", "table", "body",
];
/// Entities that headers need.
const ENTITIES: [(&str, u8); 6] = [
    ("lt", b'<'),
    ("gt", b'>'),
    ("amp", b'&'),
    ("quot", b'"'),
    ("apos", b'\''),
    ("nbsp", b' '),
];
/// The longest entity that is looked for, in octets.
const MAX_ENTITY: usize = 8;

/// The text with CRLF line ends. Blanks are kept in `pre` alone; time is linear.
pub fn text(html: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(html.len());
    let mut preformatted = false;
    let mut rest = html;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'<' => {
                // A tag that doesn't end was cut.
                let end = after.iter().position(|&byte| byte == b'>');
                let (tag, after) = after.split_at(end.unwrap_or(after.len()));
                rest = after.strip_prefix(b">").unwrap_or(after);
                let name = name(tag);
                if name == b"pre" {
                    preformatted = !tag.starts_with(b"/");
                }
                if BREAKS.iter().any(|known| name == known.as_bytes()) {
                    // The first line end within `pre` isn't shown.
                    rest = rest.strip_prefix(b"\r\n").unwrap_or(rest);
                    break_line(&mut text, name == b"br");
                }
            }
            b'&' => match entity(after) {
                Some((byte, length)) => {
                    text.push(byte);
                    rest = after.get(length..).unwrap_or_default();
                }
                None => text.push(byte),
            },
            _ if !preformatted && byte.is_ascii_whitespace() => {
                if !matches!(text.last(), None | Some(b'\n' | b' ')) {
                    text.push(b' ');
                }
            }
            _ => text.push(byte),
        }
    }
    text
}

/// A line end; but a block element begins no second line where it stands at the start of one.
fn break_line(text: &mut Vec<u8>, always: bool) {
    if always || !matches!(text.last(), None | Some(b'\n')) {
        text.extend_from_slice(b"\r\n");
    }
}

/// The name of a tag, its slash left out, in lower case.
fn name(tag: &[u8]) -> Vec<u8> {
    let tag = tag.strip_prefix(b"/").unwrap_or(tag);
    let end = tag.iter().position(|byte| !byte.is_ascii_alphanumeric());
    tag.get(..end.unwrap_or(tag.len()).min(MAX_ENTITY))
        .unwrap_or_default()
        .to_ascii_lowercase()
}

/// The octet that an entity is, and its length without the `&`.
fn entity(bytes: &[u8]) -> Option<(u8, usize)> {
    let length = bytes
        .iter()
        .take(MAX_ENTITY)
        .position(|&byte| byte == b';')?;
    let name = std::str::from_utf8(bytes.get(..length)?).ok()?;
    let byte = match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(digits) => u8::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        },
        None => ENTITIES.iter().find(|(known, _)| *known == name)?.1,
    };
    // Numbers above ASCII are code points, and no headers' business; nor are lines that end in the middle of one.
    (byte.is_ascii() && !byte.is_ascii_control()).then_some((byte, length + 1))
}
