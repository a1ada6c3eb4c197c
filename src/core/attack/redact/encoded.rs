//! Which lines of a message are within an encoded part.

use crate::core::proof::returned::delimiter;

const ENCODING: &[u8] = b"content-transfer-encoding:";
const BOUNDARY: &[u8] = b"boundary=";

/// Whether the last line was within an encoded part, by the lines so far.
#[derive(Default)]
pub(super) struct Encoded {
    pub is_inside: bool,
    announced: bool,
    /// What was named as a boundary so far.
    boundaries: Vec<Vec<u8>>,
}

impl Encoded {
    /// The next line, without its end. An encoded part ends at a boundary that was named before it, and at nothing
    /// else: `--=20` can be a signature's mark in quoted-printable, and `-----` a ruler. Where none was named, all
    /// that follows is within.
    pub fn see(&mut self, line: &[u8]) {
        let is_delimiter = |boundary: &Vec<u8>| delimiter(line, boundary).is_some();
        if self.boundaries.iter().any(is_delimiter) {
            self.is_inside = false;
            self.announced = false;
        } else if self.is_inside {
            // Until the next part.
        } else if line.is_empty() {
            self.is_inside = self.announced;
            self.announced = false;
        } else if let Some(value) = after(line, ENCODING) {
            let value = value.trim_ascii();
            let plain = ["7bit", "8bit", "binary"];
            self.announced = !plain
                .iter()
                .any(|plain| value.eq_ignore_ascii_case(plain.as_bytes()));
        } else {
            // Not in Content-Type alone: that is folded, and what returns it as plain text can quote it.
            self.boundaries.extend(boundary(line).map(<[u8]>::to_vec));
        }
    }
}

/// What the line names as a boundary (RFC 2046 section 5.1.1).
fn boundary(line: &[u8]) -> Option<&[u8]> {
    let mut places = line.windows(BOUNDARY.len());
    let at = places.position(|place| place.eq_ignore_ascii_case(BOUNDARY))?;
    let value = line.get(at + BOUNDARY.len()..)?;
    let is_end: fn(&u8) -> bool = match value.first() {
        Some(b'"') => |byte| *byte == b'"',
        _ => |byte| byte.is_ascii_whitespace() || *byte == b';',
    };
    let value = value.strip_prefix(b"\"").unwrap_or(value);
    let value = value.split(is_end).next()?.trim_ascii_end();
    (!value.is_empty()).then_some(value)
}

fn after<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, value) = line.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then_some(value)
}
