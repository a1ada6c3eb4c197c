//! Which mail is a notification.

use backstop::core::{
    address::ReversePath,
    header::Headers,
    notification::{Notification, NotificationKind},
};

use super::input::Input;

const NAMES: [&str; 26] = [
    "Subject",
    "From",
    "To",
    "Auto-Submitted",
    "Precedence",
    "Content-Type",
    "X-Auto-Response-Suppress",
    "In-Reply-To",
    "References",
    "List-Id",
    "List-Unsubscribe",
    "Return-Path",
    "X-Failed-Recipients",
    "X-Loop",
    "X-Autoreply",
    "X-Autorespond",
    "Message-ID",
    "X-MS-Exchange-Message-Is-Ndr",
    "X-MS-Exchange-Generated-Message-Source",
    "X-MS-Exchange-Inbox-Rules-Loop",
    "Disposition-Notification-To",
    "Delivered-To",
    "Feedback-Type",
    "X-Postfix-Sender",
    "Sender",
    "MIME-Version",
];

const PERSON: &[u8] = b"a@far.example";

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let mut headers = Headers::new();
    let raw = input.one_in(2);
    let sender = input.one_of(&[
        b"".as_slice(),
        PERSON,
        b"MAILER-DAEMON@far.example",
        b"postmaster",
    ]);
    if raw {
        headers = Headers::parse(input.rest()).0;
    } else {
        for _ in 0..40 {
            if input.is_empty() {
                break;
            }
            headers.push(input.one_of(&NAMES).as_bytes(), input.text(300));
        }
    }
    let sender = ReversePath::from_bytes(sender);
    let found = Notification::recognise(&sender, &headers);
    for evidence in Notification::weak_signs(&sender, &headers) {
        assert!(!evidence.to_string().contains('\n'));
        assert!(sender.is_null());
    }
    let mut more = headers.clone();
    more.push(b"X-Fuzz", b"nothing");
    if !more.is_cut() {
        assert_eq!(Notification::recognise(&sender, &more), found);
    }
    let Some(found) = found else {
        return;
    };
    assert!(!found.evidence.is_empty());
    for evidence in &found.evidence {
        let text = evidence.to_string();
        assert!(
            text.len() < 500 && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{text}"
        );
    }
    if !sender.is_null() {
        let only = [
            NotificationKind::Report,
            NotificationKind::Distribution,
            NotificationKind::Callout,
        ];
        assert!(!only.contains(&found.kind), "{found:?}");
    }
    if sender == ReversePath::from_bytes(PERSON) {
        // With a sender, a subject alone is never enough.
        let mut alone = Headers::new();
        for subject in headers.all("Subject") {
            alone.push(subject.name(), subject.value());
        }
        assert_eq!(Notification::recognise(&sender, &alone), None);
    }
}
