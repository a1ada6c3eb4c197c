//! The header stage through both MTAs: what is refused, what is written and taken out, and that all else is let alone.

mod judged;
mod unharmed;
mod written;

/// The header fields of a delivered message, each with its name and all of its lines, and the body behind the blank one.
fn split(message: &[u8]) -> (Vec<(String, Vec<u8>)>, Vec<u8>) {
    let mut fields: Vec<(String, Vec<u8>)> = Vec::new();
    let mut at = 0;
    for line in message.split_inclusive(|&byte| byte == b'\n') {
        at += line.len();
        if line == b"\n" {
            break;
        }
        match fields.last_mut() {
            Some((_, field)) if line.starts_with(b" ") || line.starts_with(b"\t") => {
                field.extend_from_slice(line);
            }
            _ => {
                let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
                fields.push((name.escape_ascii().to_string(), line.to_vec()));
            }
        }
    }
    (fields, message[at..].to_vec())
}

fn names(fields: &[(String, Vec<u8>)]) -> Vec<&str> {
    fields.iter().map(|(name, _)| name.as_str()).collect()
}
