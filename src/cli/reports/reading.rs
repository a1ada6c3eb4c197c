//! Reads mails and files in a thread of its own, and finds the reports in them.

use std::path::PathBuf;

use tokio::sync::mpsc::Sender;

use crate::{
    cli::progress::Progress,
    core::{
        aggregate::{Written, attached},
        header::Headers,
    },
    mailstore::{
        Stored, Unreadable,
        dmarc::{self, Broken, Found, ReportFiles},
    },
};

/// What was found in one mail or file.
pub(super) struct Item {
    /// Where it lies, for people.
    pub name: String,
    /// The mail; none of a file without one.
    pub mail: Option<Mail>,
    /// The reports in it, or why they can't be read; none of a mail without any.
    pub reports: Option<Result<Vec<Written>, Broken>>,
}

/// A mail, as far as it shows whose word it is.
pub(super) struct Mail {
    pub headers: Headers,
    pub raw_headers: Vec<u8>,
    pub body: Vec<u8>,
}

/// Reads all of it in order, and hands it over.
pub(super) fn read(
    files: Vec<(PathBuf, ReportFiles)>,
    hand_over: &Sender<Result<Item, Unreadable>>,
) {
    let mut progress = Progress::new();
    for (path, files) in files {
        let name = path.display().to_string();
        progress.begins(&name, ReportFiles::length(&path), false);
        for (found, position) in files.zip(1..) {
            progress.is_at(|| position);
            // Who writes has given up, and says so.
            if hand_over.blocking_send(found.map(item)).is_err() {
                return progress.ends();
            }
        }
    }
    progress.ends();
}

fn item(found: Found) -> Item {
    match found {
        Found::File { name, reports } => Item {
            name,
            mail: None,
            reports: Some(reports),
        },
        Found::Mail(mail) => of_mail(*mail),
    }
}

fn of_mail(mail: Stored) -> Item {
    let raw_headers = mail.raw_headers();
    let body = mail.body.octets();
    let whole = [&raw_headers, &b"\r\n"[..], body].concat();
    let mut reports = None;
    let parts = match mail.body.is_cut() {
        // What is left of its end is no report.
        true => {
            reports = Some(Err(Broken::TooLarge));
            Vec::new()
        }
        false => attached(&whole),
    };
    for part in parts {
        let (all, read) = (reports.take(), dmarc::reports(&part));
        reports = Some(match (all, read) {
            (Some(Ok(all)), Ok(more)) => Ok([all, more].concat()),
            // Nothing is taken of a mail with something that can't be read.
            (Some(Err(why)), _) | (_, Err(why)) => Err(why),
            (None, Ok(first)) => Ok(first),
        });
    }
    Item {
        name: mail.name.clone(),
        mail: Some(Mail {
            body: body.to_vec(),
            headers: mail.headers,
            raw_headers,
        }),
        reports,
    }
}
