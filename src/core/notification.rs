//! stub
use super::{envelope::Envelope, header::Headers};
/// stub
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification;
impl Notification {
    /// stub
    pub fn of(_: bool, _: &Headers) -> Option<Self> { None }
    /// stub
    pub fn is_bounce(&self) -> bool { true }
}
impl std::fmt::Display for Notification { fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { Ok(()) } }
