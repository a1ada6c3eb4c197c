//! The marks of outgoing mail: tag, watermark and ledger entry.

use serde::Serialize;

use super::report::shown;
use crate::core::{
    address::ReversePath,
    policy::{Departure, NotSigned},
};

#[derive(Serialize)]
pub(super) struct Leaves {
    /// With a tag, or unchanged.
    sender: String,
    untagged: Option<String>,
    watermark: Option<String>,
    unmarked: Option<String>,
    remembered: bool,
    forgotten: Option<String>,
}

impl Leaves {
    /// None for incoming mail. Without `--eml` there are no headers, and so no watermark.
    pub(super) fn of(
        sender: &ReversePath,
        departure: Departure,
        has_headers: bool,
    ) -> Option<Self> {
        if departure.sender == Err(NotSigned::Incoming) {
            return None;
        }
        let untagged = departure.sender.as_ref().err().map(ToString::to_string);
        let sender = departure.sender.unwrap_or_else(|_| sender.to_bytes());
        let (watermark, unmarked) = match departure.watermark {
            Err(NotSigned::Unmarked(_)) if !has_headers => {
                (None, Some("it signs headers; use --eml FILE".to_owned()))
            }
            Ok(watermark) => (Some(watermark), None),
            Err(why) => (None, Some(why.to_string())),
        };
        let forgotten = departure.ledger.as_ref().err().map(ToString::to_string);
        Some(Self {
            sender: shown(&sender),
            untagged,
            watermark,
            unmarked,
            remembered: departure.ledger.is_ok(),
            forgotten,
        })
    }

    pub(super) fn print(&self) {
        println!("It is outgoing mail, and gets");
        let untagged = self.untagged.as_ref();
        let untagged = untagged.map(|why| format!(" (no tag: {why})"));
        println!(
            "  sender:    <{}>{}",
            self.sender,
            untagged.unwrap_or_default()
        );
        match (&self.watermark, &self.unmarked) {
            (Some(watermark), _) => {
                println!("  watermark: {}", watermark.replace('\n', "\n            "));
            }
            (None, why) => println!("  watermark: none ({})", why.as_deref().unwrap_or_default()),
        }
        match &self.forgotten {
            None => println!("  ledger:    an entry"),
            Some(why) => println!("  ledger:    none ({why})"),
        }
        println!();
    }
}
