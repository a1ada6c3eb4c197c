//! Tag-lists (RFC 6376 section 3.2): `v=1; a=rsa-sha256; ...`, in signatures and in key records.

/// The most tags of a list. Signatures have some fifteen.
const MAX_TAGS: usize = 64;

/// The tags of a list, in their order. Names are case-sensitive.
pub struct Tags<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Tags<'a> {
    /// Reads a list. `None` where something in it is no tag, or a name stands twice: the whole list is invalid then.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let mut tags: Vec<(&[u8], &[u8])> = Vec::new();
        for tag in text.split(|&byte| byte == b';') {
            if tag.trim_ascii().is_empty() {
                continue;
            }
            let (name, value) = divide(tag)?;
            let twice = tags.iter().any(|(other, _)| *other == name);
            if name.is_empty() || twice || tags.len() == MAX_TAGS {
                return None;
            }
            tags.push((name, value.trim_ascii()));
        }
        Some(Self(tags))
    }

    /// The value of a tag, without the blanks around it.
    pub fn value(&self, name: &str) -> Option<&'a [u8]> {
        let mut tags = self.0.iter();
        tags.find(|(other, _)| *other == name.as_bytes())
            .map(|(_, value)| *value)
    }

    /// Whether the list begins with this tag.
    pub fn begins_with(&self, name: &str) -> bool {
        self.0
            .first()
            .is_some_and(|(first, _)| *first == name.as_bytes())
    }

    /// Whether a list of words, parted by colons, names `word` or isn't there at all.
    pub fn allows(&self, name: &str, words: &[&str]) -> bool {
        let Some(value) = self.value(name) else {
            return true;
        };
        value
            .split(|&byte| byte == b':')
            .map(<[u8]>::trim_ascii)
            .any(|word| {
                words
                    .iter()
                    .any(|other| word.eq_ignore_ascii_case(other.as_bytes()))
            })
    }
}

/// The list with nothing behind the `=` of `b`, as it was when it was signed (RFC 6376 section 3.7).
pub fn without_signature(text: &[u8]) -> Vec<u8> {
    let mut unsigned = Vec::with_capacity(text.len());
    for (at, tag) in text.split(|&byte| byte == b';').enumerate() {
        if at > 0 {
            unsigned.push(b';');
        }
        match divide(tag) {
            Some((b"b", value)) => {
                let kept = tag.len().saturating_sub(value.len());
                unsigned.extend_from_slice(tag.get(..kept).unwrap_or_default());
            }
            _ => unsigned.extend_from_slice(tag),
        }
    }
    unsigned
}

/// The name without the blanks around it, and all that stands behind the `=`.
fn divide(tag: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = tag.iter().position(|&byte| byte == b'=')?;
    let (name, value) = tag.split_at_checked(equals)?;
    Some((name.trim_ascii(), value.strip_prefix(b"=")?))
}
