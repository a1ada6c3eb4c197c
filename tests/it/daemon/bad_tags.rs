//! Bounces to tags that another made, that an MTA has moved to another domain, or that come with a sender.

use backstop::core::proof::batv::Layout;
use lab::{milter::Reply, mta};
use tempfile::TempDir;

use super::{SENDER, Stage, field, headers, introduce};
use crate::{
    batv::{key_file, tagged},
    bounce::{BOUNCE, Ours, SIGNED, body},
};

const FAR: &str = "far@friend.example";
const OK: &str = "250";

struct Desk {
    stage: Stage,
    _folder: TempDir,
}

impl Desk {
    fn set(proof: &str) -> Self {
        let folder = mta::folder_in_memory().unwrap();
        let store = format!("sqlite:{}", folder.path().join("state.db").display());
        Self::with(proof, &store, folder)
    }

    fn with(proof: &str, store: &str, folder: TempDir) -> Self {
        let keys = key_file(folder.path());
        let stage = Stage::set(&format!(
            "mode: enforce\nlocal: {{domains: [example.org, mx.example.org], networks: [10.0.0.0/8]}}\n\
             proof:\n  {{key_file: {}, unproven: reject, {proof}}}\nstore: {store}\nlog: {{level: debug}}\n",
            keys.display()
        ));
        Self {
            stage,
            _folder: folder,
        }
    }

    /// Outgoing mail from this sender, as it stands.
    fn sends(&self, from: &str, ours: &Ours) {
        let mut client = self.stage.client();
        introduce(&mut client, "10.0.0.1");
        client.mail(from, &[]).unwrap();
        assert_eq!(client.rcpt(FAR, &[]).unwrap(), Reply::Continue);
        assert_eq!(
            headers(&mut client, &ours.headers).unwrap(),
            Reply::Continue
        );
        assert_eq!(client.eom().unwrap().reply, Reply::Continue);
        client.quit().unwrap();
    }

    /// What a bounce is answered: at RCPT, or at its end; and the reason and the proof in the log.
    fn comes(&self, from: &str, to: &str, content: &str) -> String {
        let before = self.stage.decisions().len();
        let mut client = self.stage.session(SENDER);
        client.mail(from, &[]).unwrap();
        let answer = match client.rcpt(to, &[]).unwrap() {
            Reply::Continue => match headers(&mut client, BOUNCE).unwrap() {
                Reply::Continue => {
                    client.body(content.as_bytes()).unwrap();
                    match client.eom().unwrap().reply {
                        Reply::ReplyCode(text) => format!("{} at the end", &text[..3]),
                        _ => OK.to_owned(),
                    }
                }
                Reply::ReplyCode(text) => format!("{} after the headers", &text[..3]),
                other => panic!("{other:?}"),
            },
            Reply::ReplyCode(text) => format!("{} at RCPT", &text[..3]),
            other => panic!("{other:?}"),
        };
        client.quit().unwrap();
        lab::process::wait_until(lab::mta::PATIENCE, || {
            Ok(self.stage.decisions().len() > before)
        })
        .unwrap();
        let lines = self.stage.decisions();
        let line = lines.last().unwrap();
        format!(
            "{answer} {} {}",
            field(line, "reason"),
            field(line, "proof")
        )
    }
}

/// As another signer makes them.
fn foreign(user: &str) -> String {
    format!("prvs=5999abcdef={user}@example.org")
}

#[test]
fn a_bounce_with_a_sender_is_proven_by_its_tag() {
    let desk = Desk::set("batv: {sign: true, guess_limit: 2}");
    let nothing = body(FAR, &Ours::new("no-id-of-ours", FAR));
    for from in ["", "mailer-daemon@pass.example", "bounces@pass.example"] {
        let to = tagged("joe@example.org", 0, Layout::Prvs);
        assert_eq!(desk.comes(from, &to, &nothing), "250 batv batv", "{from}");
    }
    // At wrong ones with a sender he may guess as often as with none.
    let wrong = foreign("joe");
    for _ in 0..2 {
        let found = desk.comes("mailer-daemon@pass.example", &wrong, &nothing);
        assert_eq!(found, "550 at the end unproven unproven");
    }
    let valid = tagged("joe@example.org", 0, Layout::Prvs);
    // Nobody looks at it any more, so it is not refused for good.
    let found = desk.comes("mailer-daemon@pass.example", &valid, &nothing);
    assert_eq!(found, "450 after the headers batv_guessed -");
    let found = desk.comes("", &valid, &nothing);
    assert_eq!(found, "450 at RCPT batv_guessed -");
}

#[test]
fn another_signers_tag_is_proven_by_what_left_with_it() {
    let desk = Desk::set(
        "batv: {sign: true, guess_limit: 3}, ledger: {remember: true}, dkim: {verify: false}",
    );
    let ours = Ours::new("known", FAR);
    desk.sends(&foreign("alice"), &ours);
    desk.sends("bob@example.org", &Ours::new("bobs", FAR));
    let unknown = body(FAR, &Ours::new("unknown", FAR));
    // However many genuine ones come, none of them is a guess.
    for _ in 0..5 {
        let found = desk.comes("", &foreign("alice"), &unknown);
        assert_eq!(found, "550 at the end unproven weak:sender");
    }
    let found = desk.comes("", &foreign("alice"), &body(FAR, &ours));
    assert_eq!(found, "250 ledger ledger");
    // The ledger lacks that address, but the Message-ID proves it all the same.
    for id in ["bobs"; 4] {
        let found = desk.comes("", &foreign("bob"), &body(FAR, &Ours::new(id, FAR)));
        assert_eq!(found, "250 ledger ledger");
    }
    for _ in 0..3 {
        let found = desk.comes("", &foreign("bob"), &unknown);
        assert_eq!(found, "550 at the end batv_wrong forged");
    }
    let found = desk.comes("", &foreign("bob"), &unknown);
    assert_eq!(found, "450 at RCPT batv_guessed -");
}

#[test]
fn where_every_bounce_must_have_a_tag_the_ledger_alone_speaks_for_a_wrong_one() {
    let desk = Desk::set(
        "batv: {sign: true, required: true}, ledger: {remember: true}, watermark: {sign: true}, dkim: {verify: false}",
    );
    let ours = Ours::new("known", FAR);
    desk.sends(&foreign("alice"), &ours);
    let found = desk.comes("", &foreign("alice"), &body(FAR, &ours));
    assert_eq!(found, "250 ledger ledger");
    let found = desk.comes("", &foreign("bob"), &body(FAR, &ours));
    assert_eq!(found, "550 at RCPT batv_wrong forged");
}

#[test]
fn a_wrong_tag_waits_once_our_own_signatures_were_seen_leaving() {
    let folder = mta::folder_in_memory().unwrap();
    let store = format!("sqlite:{}", folder.path().join("state.db").display());
    let desk = Desk::with("batv: {sign: true}", &store, folder);
    let unknown = body(FAR, &Ours::new("unknown", FAR));
    let found = desk.comes("", &foreign("alice"), &unknown);
    assert_eq!(found, "550 at RCPT batv_wrong forged");
    desk.sends(&foreign("alice"), &Ours::new("signed", FAR).signed(SIGNED));
    let found = desk.comes("", &foreign("alice"), &unknown);
    assert_eq!(found, "550 at the end batv_wrong forged");
    // Another host that shares the store has not seen it leave itself.
    lab::process::wait_until(lab::mta::PATIENCE, || {
        let other = Desk::with(
            "batv: {sign: true}",
            &store,
            mta::folder_in_memory().unwrap(),
        );
        Ok(other.comes("", &foreign("alice"), &unknown) == "550 at the end batv_wrong forged")
    })
    .unwrap();
}

/// Whether something else would prove it is not known, so it is not refused.
#[test]
fn while_the_store_is_down_no_wrong_tag_is_refused() {
    for proof in [
        "batv: {sign: true}",
        "batv: {sign: true}, ledger: {remember: true}",
        "batv: {sign: true, required: true}, ledger: {remember: true}",
    ] {
        let desk = Desk::with(
            proof,
            "redis://127.0.0.1:1",
            mta::folder_in_memory().unwrap(),
        );
        let unknown = body(FAR, &Ours::new("unknown", FAR));
        let found = desk.comes("", &foreign("alice"), &unknown);
        assert_eq!(found, "250 batv_wrong forged", "{proof}");
    }
}

/// MASQUERADE_AS: a tag made for a host comes home to its domain.
#[test]
fn a_tag_comes_home_to_the_domain_above() {
    let desk = Desk::set("batv: {sign: true, guess_limit: 1}, dkim: {verify: false}");
    let nothing = body(FAR, &Ours::new("no-id-of-ours", FAR));
    let made = tagged("joe@mx.example.org", 0, Layout::Prvs);
    for _ in 0..3 {
        let home = made.replace("@mx.", "@");
        assert_eq!(desk.comes("", &home, &nothing), "250 batv batv");
    }
}
