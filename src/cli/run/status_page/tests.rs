use std::net::IpAddr;

use super::*;
use crate::{
    core::{
        address::{Mailbox, ReversePath},
        verdict::{Action, Reason, Rule, Verdict},
    },
    observe::{Decision, Kept, Lately},
};

const NOW: u64 = 1_799_625_600;

fn view(mode: Mode, verdicts: &[Verdict], parts: Vec<Part>) -> View {
    view_of(Modes::One(mode), verdicts, parts)
}

fn view_of(modes: Modes, verdicts: &[Verdict], parts: Vec<Part>) -> View {
    let lately = Lately::default();
    lately.keep(Kept::Masked);
    for verdict in verdicts {
        let decision = Decision {
            id: "1a",
            queue_id: None,
            client: Some(IpAddr::from([192, 0, 2, 1])),
            helo: None,
            mail_from: &ReversePath::Null,
            rcpt: &Mailbox::from_bytes(b"<script>x@example.org"),
            verdict,
            spf: None,
            batv: None,
            signed: &[],
        };
        lately.decided(&decision, NOW);
    }
    View {
        now: NOW,
        started: NOW - 86_400,
        file: "/etc/backstop/milter.yaml".to_owned(),
        last_reload: None,
        modes,
        watches: true,
        sieges: Arc::default(),
        accounts: Vec::new(),
        hour: lately.hour(NOW),
        parts: parts.into(),
        messages: 1,
        connections: 2,
    }
}

fn refused(mode: Mode) -> Verdict {
    Verdict::of(Rule::new(Action::Reject), mode, Reason::NeverSends)
}

#[test]
fn the_first_sentence_is_the_worst() {
    let part = |name, state| Part::new(name, state, "says so");
    for (parts, last_reload, class, text) in [
        (
            vec![part("DNS", PartState::Well)],
            None,
            "well",
            "All is calm",
        ),
        (
            vec![part("DNS", PartState::Well)],
            Some((NOW, false)),
            "alert",
            "Calm, but not all is well",
        ),
        (
            vec![part("Store", PartState::Alert)],
            None,
            "alert",
            "Calm, but not all is well",
        ),
        (
            vec![part("Store", PartState::Alert), part("DNS", PartState::Ill)],
            None,
            "ill",
            "Mail is deferred: DNS fails",
        ),
        (
            vec![part("Milter", PartState::Ill), part("DNS", PartState::Ill)],
            None,
            "ill",
            "Mail is deferred: more than one part fails",
        ),
    ] {
        let mut view = view(Mode::Enforce, &[], parts);
        view.last_reload = last_reload;
        let found = headline(&view);
        assert_eq!((found.class, found.text.as_str()), (class, text));
    }
}

#[test]
fn an_account_that_may_be_abused_is_said_first() {
    let mut view = view(Mode::Enforce, &[], Vec::new());
    view.accounts = vec![Flood {
        account: "j…@example.org".to_owned(),
        domain: "example.org".to_owned(),
        first: NOW / 3600,
        last: NOW / 3600,
        bounces: 312,
        networks: 41,
        usual: 0.0,
        limit: 30.0,
    }];
    assert_eq!(headline(&view).text, "j…@example.org may be abused");
    let page = render(&view).into_string();
    for words in [
        "312 bounces prove",
        "from 41 networks",
        "Nothing is refused",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    view.accounts.push(view.accounts[0].clone());
    assert_eq!(headline(&view).text, "2 accounts may be abused");
}

#[test]
fn each_mode_says_what_it_does() {
    for (mode, verdicts, lead, heading) in [
        (
            Mode::Enforce,
            vec![refused(Mode::Enforce); 2],
            "Of 2 recipients in the last hour, 2 were refused.",
            "What was refused or deferred",
        ),
        (
            Mode::Monitor,
            vec![refused(Mode::Monitor)],
            "Of 1 recipient in the last hour, enforcing would have refused 1.",
            "What enforcing would refuse",
        ),
        (
            Mode::Monitor,
            vec![],
            "None came in the last hour.",
            "Nothing in the last hour.",
        ),
    ] {
        let page = render(&view(mode, &verdicts, Vec::new())).into_string();
        assert!(page.contains(lead), "{page}");
        assert!(page.contains(heading), "{page}");
    }
}

#[test]
fn clients_have_modes_of_their_own() {
    let verdicts = [
        refused(Mode::Enforce),
        refused(Mode::Monitor),
        refused(Mode::Monitor),
    ];
    for mode in [Mode::Enforce, Mode::Monitor] {
        let page =
            |verdicts| render(&view_of(Modes::OfEach(mode), verdicts, Vec::new())).into_string();
        let some = page(&verdicts[..]);
        for words in [
            "Of 3 recipients in the last hour, 1 were refused, and enforcing would have refused 2 more.",
            "What was refused or deferred",
            "What enforcing everywhere would refuse",
        ] {
            assert!(some.contains(words), "{words}: {some}");
        }
        let none = page(&[]);
        assert!(
            none.contains("tenants says. None came in the last hour."),
            "{none}"
        );
    }
}

#[test]
fn strangers_write_no_html() {
    let page = render(&view(Mode::Enforce, &[refused(Mode::Enforce)], Vec::new()));
    let page = page.into_string();
    assert!(
        page.contains("a bounce to &lt;…@example.org, by 192.0.2.1"),
        "{page}"
    );
    assert!(!page.contains("<script"), "{page}");
    for word in ["style=", "http:", "https:", "src="] {
        assert!(!page.contains(word), "{word}: {page}");
    }
}
