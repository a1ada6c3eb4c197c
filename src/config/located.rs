//! Where the settings stand in the file, for commands that show one after the other.

use super::{Config, diagnostic::Place, outline::Outline, path::Path, text};

/// The places of the keys of the file that a configuration was read from.
#[derive(Debug)]
pub struct Located {
    outline: Option<Outline>,
}

/// A step from the top of the file to a value.
#[derive(Clone, Copy, Debug)]
pub enum At<'a> {
    /// To the value of a key.
    Key(&'a str),
    /// To an item of a list, from 0.
    Item(usize),
}

impl<'a> From<&'a str> for At<'a> {
    fn from(key: &'a str) -> Self {
        Self::Key(key)
    }
}

impl From<usize> for At<'_> {
    fn from(item: usize) -> Self {
        Self::Item(item)
    }
}

impl Located {
    /// Reads the file again. Without it, no place is known.
    pub fn of(config: &Config) -> Self {
        let text = text::of(&config.file).ok();
        Self::in_text(text.as_deref())
    }

    fn in_text(text: Option<&str>) -> Self {
        let text = text.map(|text| text.strip_prefix('\u{feff}').unwrap_or(text));
        let outline = text.and_then(|text| Outline::read(text).ok());
        Self { outline }
    }

    /// The place of the value there; none where the file has none.
    pub fn place(&self, at: &[At<'_>]) -> Option<Place> {
        let (outline, path) = (self.outline.as_ref()?, path_of(at));
        outline.has_value(&path).then(|| outline.value(&path))
    }

    /// The text of the value there, unless it is a list or a map.
    pub fn text(&self, at: &[At<'_>]) -> Option<&str> {
        let (outline, path) = (self.outline.as_ref()?, path_of(at));
        outline.has_value(&path).then_some(())?;
        outline.scalar(&path)
    }

    /// The key of the map there whose text is read as this.
    pub fn key<T: std::str::FromStr + PartialEq>(&self, at: &[At<'_>], wanted: &T) -> Option<&str> {
        let keys = self.outline.as_ref()?.keys(&path_of(at));
        let is_it = |key: &&str| key.parse::<T>().is_ok_and(|key| key == *wanted);
        keys.into_iter().find(is_it)
    }
}

fn path_of(at: &[At<'_>]) -> Path {
    at.iter().fold(Path::default(), |path, step| match step {
        At::Key(key) => path.key(key),
        At::Item(item) => path.index(*item),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_file_has_has_a_place() {
        let text = "\u{feff}mode: enforce\nspf:\n  domains: {Example.ORG: {fail: tag}}\nrecipients:\n  - domain: '*'\n";
        let located = Located::in_text(Some(text));
        let line = |at: &[At<'_>]| located.place(at).map(|place| (place.line, place.column));
        assert_eq!(line(&["mode".into()]), Some((1, 7)));
        let entry = ["recipients".into(), 0.into(), "domain".into()];
        assert_eq!(
            (line(&entry), located.text(&entry)),
            (Some((5, 13)), Some("*"))
        );
        assert_eq!(line(&["recipients".into(), 1.into()]), None);
        assert_eq!(line(&["siege".into(), "watch".into()]), None);
        let domains = ["spf".into(), "domains".into()];
        let domain: crate::core::address::Domain = "example.org".parse().unwrap();
        assert_eq!(located.key(&domains, &domain), Some("Example.ORG"));
        let unread = Located::in_text(None);
        assert_eq!((unread.place(&entry), unread.text(&entry)), (None, None));
    }
}
