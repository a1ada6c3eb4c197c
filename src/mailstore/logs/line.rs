//! Reads a line of a log within a bound.

use std::io::{self, BufRead, Read};

use super::MAX_LINE;

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A line.
    Whole,
    /// The front of a line that is longer than [`MAX_LINE`].
    Cut,
    /// The log has no more.
    End,
}

/// Reads a line in place of what is there, without its end.
pub(super) fn read(octets: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Found> {
    line.clear();
    // With the end of a line of DOS.
    let most = MAX_LINE + b"\r\n".len();
    if octets.by_ref().take(most as u64).read_until(b'\n', line)? == 0 {
        return Ok(Found::End);
    }
    match line.last() {
        Some(b'\n') => {
            line.pop();
            line.pop_if(|last| *last == b'\r');
        }
        _ => {
            octets.skip_until(b'\n')?;
        }
    }
    Ok(cut(line))
}

/// Cuts what is too long.
pub(super) fn cut(line: &mut Vec<u8>) -> Found {
    let is_long = line.len() > MAX_LINE;
    line.truncate(MAX_LINE);
    match is_long {
        true => Found::Cut,
        false => Found::Whole,
    }
}
