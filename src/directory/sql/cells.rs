//! What is read of the rows that a query finds.

use sqlx::{
    Column, ColumnIndex, Database, Decode, MySql, Postgres, Row, Sqlite, Type, TypeInfo, ValueRef,
    mysql::MySqlTypeInfo,
    postgres::{PgTypeInfo, PgTypeKind, PgValueFormat, PgValueRef},
    sqlite::SqliteTypeInfo,
};

use crate::directory::cells::{Cell, Cells};

/// What a value is that was written in another way, mostly in ISO 8859-1.
pub(super) const NOT_UTF8: &str = "a text that is not UTF-8";

/// What somebody wants to know of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Whether there is one.
    Any,
    /// What they have in their columns, and whether there are several.
    Columns,
}

impl Wanted {
    /// How many rows are enough.
    pub fn most(self) -> usize {
        match self {
            Self::Any => 1,
            Self::Columns => 2,
        }
    }

    /// As much of them as is wanted.
    pub fn of<R>(self, rows: &[R]) -> Vec<Cells>
    where
        R: Row,
        R::Database: Texts,
        usize: ColumnIndex<R>,
        for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
        for<'r> Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    {
        let cells = |row: &R| {
            let columns = row.columns().iter();
            columns
                .map(|column| (column.name().to_owned(), cell(row, column.ordinal())))
                .collect()
        };
        match self {
            Self::Any => rows.iter().map(|_| Cells::new()).collect(),
            Self::Columns => rows.iter().map(cells).collect(),
        }
    }
}

/// Which types of a database are read as texts, beside those that sqlx takes for some.
pub(super) trait Texts: Database {
    fn is_text(kind: &Self::TypeInfo) -> bool;

    /// What a value of another type holds, if texts are in it.
    fn with_texts(_: &Self::TypeInfo, _: &Self::ValueRef<'_>) -> Option<Cell> {
        None
    }
}

impl Texts for Sqlite {
    fn is_text(_: &SqliteTypeInfo) -> bool {
        false
    }
}

impl Texts for Postgres {
    fn is_text(kind: &PgTypeInfo) -> bool {
        matches!(kind.kind(), PgTypeKind::Enum(_)) || kind.name() == "JSON"
    }

    fn with_texts(kind: &PgTypeInfo, value: &PgValueRef<'_>) -> Option<Cell> {
        if kind.name() == "JSONB" {
            // In front of the text stands the version of the format.
            let octets = value.as_bytes().ok()?;
            let text = match value.format() {
                PgValueFormat::Binary => octets.get(1..)?,
                PgValueFormat::Text => octets,
            };
            return String::from_utf8(text.to_vec()).ok().map(Cell::Text);
        }
        if !<Vec<Option<String>> as Type<Self>>::compatible(kind) {
            return None;
        }
        let values = Vec::<Option<String>>::decode(value.clone()).ok()?;
        Some(Cell::Values(values.into_iter().flatten().collect()))
    }
}

impl Texts for MySql {
    fn is_text(kind: &MySqlTypeInfo) -> bool {
        ["SET", "JSON"].contains(&kind.name())
    }
}

/// What a row has in a column.
pub(super) fn cell<R>(row: &R, ordinal: usize) -> Cell
where
    R: Row,
    R::Database: Texts,
    usize: ColumnIndex<R>,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
{
    let Ok(value) = row.try_get_raw(ordinal) else {
        return Cell::Other("nothing that can be read".to_owned());
    };
    if value.is_null() {
        return Cell::Empty;
    }
    let kind = value.type_info().into_owned();
    let text = if <String as Type<R::Database>>::compatible(&kind) || R::Database::is_text(&kind) {
        String::decode(value).ok()
    } else if <Vec<u8> as Type<R::Database>>::compatible(&kind) {
        let octets = Vec::<u8>::decode(value).ok();
        octets.and_then(|octets| String::from_utf8(octets).ok())
    } else {
        return R::Database::with_texts(&kind, &value).unwrap_or_else(|| {
            let name = kind.name().to_ascii_lowercase();
            Cell::Other(format!("a value of the type {name}"))
        });
    };
    text.map_or_else(|| Cell::Other(NOT_UTF8.to_owned()), Cell::Text)
}
