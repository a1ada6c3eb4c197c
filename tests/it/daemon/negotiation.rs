use lab::milter::{
    Client, Peer, Reply,
    wire::{ALL_ACTIONS, command, step},
};

use super::{ENFORCE, STRANGER, Stage, assert_refused, but_headers, deleted, inserted};

const ADD_HEADER: u32 = 0x1;
const ADD_RECIPIENT: u32 = 0x4;
const DELETE_RECIPIENT: u32 = 0x8;
const CHANGE_HEADER: u32 = 0x10;
const QUARANTINE: u32 = 0x20;
const CHANGE_SENDER: u32 = 0x40;
const ADD_RECIPIENT_WITH_PARAMETERS: u32 = 0x80;
const MACRO_LISTS: u32 = 0x100;

/// The steps that are agreed on with a daemon of this configuration.
fn steps(yaml: &str) -> u32 {
    let stage = Stage::set(yaml);
    stage.client().negotiated().steps
}

/// No stage is asked for that decides nothing.
#[test]
fn the_content_is_asked_for_only_where_something_in_it_decides() {
    let always = step::NR_CONNECT
        | step::NR_HELO
        | step::NR_MAIL
        | step::NR_HEADER
        | step::NO_UNKNOWN
        | step::RCPT_REJ;
    let folder = lab::mta::folder_in_memory().unwrap();
    let keys = crate::batv::key_file(folder.path());
    let keys = keys.display();
    let nothing = always | step::NO_DATA | step::NO_BODY;
    let content = always | step::NO_DATA | step::SKIP;
    for (proof, agreed) in [
        ("{}".to_owned(), content),
        (
            "{dkim: {verify: false}}\nnull_sender: {unauthenticated_reports: accept}\nforgery: {header_from: accept}"
                .to_owned(),
            nothing,
        ),
        // A signature may vouch for From:.
        (
            "{dkim: {verify: false}}\nnull_sender: {unauthenticated_reports: accept}".to_owned(),
            content,
        ),
        // A report's author may have signed it.
        (
            "{dkim: {verify: false}}\nforgery: {header_from: accept}".to_owned(),
            content,
        ),
        (
            format!(
                "{{key_file: {keys}, dkim: {{verify: false}}}}\nforgery: {{header_from: accept}}"
            ),
            content,
        ),
        (
            format!("{{key_file: {keys}, batv: {{required: true}}}}"),
            always | step::SKIP,
        ),
    ] {
        assert_eq!(
            steps(&format!("{ENFORCE}proof: {proof}\n")),
            agreed,
            "{proof}"
        );
    }
    assert_eq!(steps("mode: enforce\n"), nothing);
}

#[test]
fn all_that_saves_a_round_trip_is_asked_for() {
    let stage = Stage::set(ENFORCE);
    let client = stage.client();
    let agreed = client.negotiated();
    assert_eq!(
        agreed.actions & !MACRO_LISTS,
        ADD_HEADER
            | CHANGE_HEADER
            | ADD_RECIPIENT
            | ADD_RECIPIENT_WITH_PARAMETERS
            | DELETE_RECIPIENT
            | CHANGE_SENDER
            | QUARANTINE
    );
    assert_eq!(agreed.version, 6);
    let mail = agreed.macros.iter().find(|(stage, _)| *stage == 2).unwrap();
    assert!(mail.1.contains(&"{auth_authen}".to_owned()), "{mail:?}");
}

#[test]
fn macros_are_chosen_only_where_that_is_offered() {
    let stage = Stage::set(ENFORCE);
    let mut client = Client::silent(stage.backstop.addr()).unwrap();
    client
        .negotiate(6, ALL_ACTIONS & !MACRO_LISTS, step::ALL)
        .unwrap();
    assert_eq!(client.negotiated().macros, []);
}

#[test]
fn an_old_mta_that_offers_nothing_is_answered_at_each_stage() {
    let stage = Stage::set(ENFORCE);
    let mut client = Client::silent(stage.backstop.addr()).unwrap();
    // Offering no step at all stands for all those of version 1, so one that is of no use to us is offered.
    client.negotiate(2, ADD_HEADER, step::NO_CONNECT).unwrap();
    assert_eq!(client.negotiated().version, 2);
    assert_eq!(client.negotiated().steps, 0);
    let stranger = Peer::at(STRANGER.parse().unwrap());
    assert_eq!(client.connect("x", stranger).unwrap(), Reply::Continue);
    assert_eq!(client.helo("x").unwrap(), Reply::Continue);
    assert_eq!(client.mail("a@fail.example", &[]).unwrap(), Reply::Continue);
    assert_refused(client.rcpt("joe@example.org", &[]), "550 5.7.23 ");
    client.abort().unwrap();
    assert_eq!(client.mail("a@soft.example", &[]).unwrap(), Reply::Continue);
    for number in 0..3 {
        let rcpt = format!("joe{number}@example.org");
        assert_eq!(client.rcpt(&rcpt, &[]).unwrap(), Reply::Continue);
    }
    for header in [&b"From"[..], b"To", b"Subject"] {
        assert_eq!(client.header(header, b"x").unwrap(), Reply::Continue);
    }
    assert_eq!(client.eoh().unwrap(), Reply::Continue);
    assert_eq!(client.body(&[b'x'; 200_000]).unwrap(), Reply::Continue);
    let outcome = client.eom().unwrap();
    assert_eq!(outcome.reply, Reply::Continue);
    assert_eq!(outcome.added("X-Backstop").len(), 1);
    client.quit().unwrap();
}

#[test]
fn what_the_mta_cannot_do_is_left_undone() {
    let stage = Stage::set(&format!(
        "{ENFORCE}null_sender: {{never_send: {{addresses: [q@example.org], action: quarantine}}}}\n\
         recipients: [{{domain: example.org, known: [{{addresses: [q]}}], catch_all: {{bounces: discard}}}}]\n"
    ));
    // Whether a header is taken out, those that are put in, and whether the message is held.
    for (actions, taken_out, put_in, held) in [
        (ALL_ACTIONS, true, 3, true),
        (QUARANTINE, false, 0, true),
        (ADD_HEADER, false, 3, false),
        (CHANGE_HEADER, true, 0, false),
        (DELETE_RECIPIENT, false, 0, false),
    ] {
        let mut client = Client::silent(stage.backstop.addr()).unwrap();
        client.negotiate(6, actions, step::ALL).unwrap();
        super::introduce(&mut client, STRANGER);
        client.mail("", &[]).unwrap();
        assert_eq!(client.rcpt("q@example.org", &[]).unwrap(), Reply::Continue);
        client.header(b"X-Backstop", b"forged").unwrap();
        assert_eq!(client.eoh().unwrap(), Reply::Continue);
        let outcome = client.eom().unwrap();
        assert_eq!(deleted(&outcome).len(), usize::from(taken_out));
        assert_eq!(inserted(&outcome).len(), put_in, "{actions:x}: {outcome:?}");
        assert_eq!(but_headers(&outcome).len(), usize::from(held));
        assert_eq!(outcome.reply, Reply::Continue);
    }
}

#[test]
fn a_mailer_named_error_is_one_that_delivers_where_refused_recipients_are_not_told() {
    let stage = Stage::set(ENFORCE);
    let mut client = Client::silent(stage.backstop.addr()).unwrap();
    client
        .negotiate(6, ALL_ACTIONS, step::ALL & !step::RCPT_REJ)
        .unwrap();
    super::introduce(&mut client, STRANGER);
    client.mail("a@fail.example", &[]).unwrap();
    client
        .macros(command::RCPT, &[("{rcpt_mailer}", "error")])
        .unwrap();
    assert_refused(client.rcpt("joe@example.org", &[]), "550 5.7.23 ");
}
