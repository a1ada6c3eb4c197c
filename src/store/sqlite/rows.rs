//! How many rows a statement has.

/// How many rows one statement has: the largest of these that there are rows for. Each is a statement of its own to SQLite,
/// and is kept.
const ROWS: [usize; 4] = [64, 16, 4, 1];

/// The slices of [`ROWS`] that these are.
pub(super) fn in_rows<T>(mut all: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let most = ROWS.into_iter().find(|rows| *rows <= all.len())?;
        let (first, rest) = all.split_at_checked(most)?;
        all = rest;
        Some(first)
    })
}
