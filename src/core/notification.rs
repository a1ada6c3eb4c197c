//! stub
use super::header::Headers;
/// stub
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// k
    pub kind: Kind,
}
/// k
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// d
    Dsn,
}
impl Kind {
    /// c
    pub fn code(self) -> &'static str {
        "dsn"
    }
}
impl Notification {
    /// stub
    pub fn of(_: bool, _: &Headers) -> Option<Self> {
        None
    }
    /// e
    pub fn evidence_codes(&self) -> String {
        String::new()
    }
    /// stub
    pub fn is_bounce(&self) -> bool {
        true
    }
}
impl std::fmt::Display for Notification {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}
