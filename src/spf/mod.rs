//! RFC 7208, evaluated over whatever answers its DNS questions.

mod lookup;

pub use lookup::{Lookup, LookupError, Mx};
