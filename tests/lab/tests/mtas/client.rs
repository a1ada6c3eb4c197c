//! The milter client against the recorder: what it sends, and what it awaits.

use crate::recorder::{Recorder, Wish};
use lab::milter::wire::{command, step};
use lab::milter::{Client, Peer, Reply};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

#[test]
fn a_session_as_sent() {
    let filter = Recorder::start(Wish {
        at_connect: "j {client_addr}",
        ..Wish::default()
    })
    .unwrap();
    let mut mta = Client::tcp(filter.addr).unwrap();
    assert_eq!(
        mta.negotiated().macros,
        [(0, vec!["j".to_owned(), "{client_addr}".to_owned()])]
    );
    mta.macros(
        command::CONNECT,
        &[("j", "mx"), ("{client_addr}", "192.0.2.1")],
    )
    .unwrap();
    let peer = Peer::at(IpAddr::from([192, 0, 2, 1]));
    assert_eq!(mta.connect("[192.0.2.1]", peer).unwrap(), Reply::Continue);
    mta.mail("", &["SIZE=1"]).unwrap();
    mta.header(b"Subject", b" \xff").unwrap();
    mta.body(&[b'x'; 65_536]).unwrap();
    assert_eq!(mta.eom().unwrap().reply, Reply::Continue);
    mta.quit().unwrap();

    let said = filter.said();
    let commands: Vec<char> = said.iter().map(|s| char::from(s.command)).collect();
    assert_eq!(commands, ['O', 'C', 'M', 'L', 'B', 'B', 'E', 'Q']);
    assert_eq!(said[1].value("{client_addr}"), Some("192.0.2.1"));
    assert_eq!(said[1].data, b"[192.0.2.1]\x004\x9c\x40192.0.2.1\0");
    assert_eq!(said[2].data, b"<>\0SIZE=1\0");
    assert_eq!(said[3].data, b"Subject\0 \xff\0");
    assert_eq!((said[4].data.len(), said[5].data.len()), (65_535, 1));
}

#[test]
fn unwanted_stages_are_not_sent_and_unanswered_ones_not_awaited() {
    let filter = Recorder::start(Wish {
        steps: step::NO_HELO | step::NR_MAIL,
        ..Wish::default()
    })
    .unwrap();
    let mut mta = Client::tcp(filter.addr).unwrap();
    mta.patience(Duration::from_secs(5)).unwrap();
    mta.helo("mx").unwrap();
    mta.mail("a@b.test", &[]).unwrap();
    // Were an answer to MAIL awaited, or one to RCPT not, these would be one apart.
    assert_eq!(mta.rcpt("c@d.test", &[]).unwrap(), Reply::Continue);
    assert_eq!(mta.eom().unwrap().reply, Reply::Continue);
    mta.quit().unwrap();
    let commands: Vec<char> = filter
        .said()
        .iter()
        .map(|s| char::from(s.command))
        .collect();
    assert_eq!(commands, ['O', 'M', 'R', 'E', 'Q']);
}

#[test]
fn an_address_as_sendmail_writes_it() {
    let filter = Recorder::start(Wish::default()).unwrap();
    let mut mta = Client::tcp(filter.addr).unwrap();
    let peer = SocketAddr::from((Ipv6Addr::LOCALHOST, 1));
    mta.connect("localhost", Peer::Tagged(peer)).unwrap();
    mta.quit_new_connection().unwrap();
    mta.connect("localhost", Peer::Unknown).unwrap();
    mta.quit().unwrap();
    let connects = filter.all(command::CONNECT);
    assert_eq!(connects[0].data, b"localhost\x006\0\x01IPv6:::1\0");
    assert_eq!(connects[1].data, b"localhost\0U");
}
