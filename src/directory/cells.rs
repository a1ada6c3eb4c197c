//! What a row or an entry of a directory has, before anybody knows what it means.

/// The columns of a row, or the attributes of an entry, by name.
pub(super) type Cells = Vec<(String, Cell)>;

/// What one of them holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Cell {
    /// Nothing: NULL.
    Empty,
    /// A text.
    Text(String),
    /// The values of an attribute, in no order, or of an array.
    Values(Vec<String>),
    /// Something else: what, for people.
    Other(String),
}
