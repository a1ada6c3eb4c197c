//! Who sent what a bounce returns.

use std::net::{IpAddr, Ipv4Addr};

use backstop::core::{
    address::Domain,
    header::Headers,
    network::is_public,
    origin::{Origin, Reporter, Standing},
};

use super::input::Input;

const BOT: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));
/// What hosts write on top, with what the bot said in HELO, and a name that its owner chose.
const HONEST: [&str; 8] = [
    "Received: from {HELO} (unknown [203.0.113.9]) by mx1.friend.example (Postfix) with ESMTP id 1; x\r\n",
    "Received: from localhost (localhost [127.0.0.1]) by mx1.friend.example (Postfix) with ESMTP id 3; x\r\n\
     Received: from mx1.friend.example ([127.0.0.1]) by localhost (mx1.friend.example [127.0.0.1]) (amavis, port 10024); x\r\n\
     Received: from {HELO} (unknown [203.0.113.9]) by mx1.friend.example (Postfix) with ESMTP id 1; x\r\n",
    "Received: from edge.friend.example ([198.18.0.1]) by mx1.friend.example with esmtp (Exim 4.96) id 2; x\r\n\
     Received: from [203.0.113.9] (port=4711 helo={HELO}) by edge.friend.example with esmtp (Exim 4.96) id 1; x\r\n",
    "Received: from {HELO} ({NAME} [203.0.113.9] (may be forged)) by mx1.friend.example (8.17.1/8.17.1) with ESMTP id 1; x\r\n",
    "Received: from {HELO} ({NAME} [203.0.113.9]) by mx1.friend.example (OpenSMTPD) with ESMTP id 1; x\r\n",
    "Received: (qmail 1 invoked from network); x\r\n\
     Received: from {NAME} (HELO {HELO}) (203.0.113.9) by mx1.friend.example with SMTP; x\r\n",
    "Received: from {HELO} (203.0.113.9) by mx1.friend.example (192.0.2.77) with Microsoft SMTP Server id 15.2; x\r\n",
    "Received: from 203.0.113.9 (EHLO {HELO}) (203.0.113.9) by mx1.friend.example with SMTPs; x\r\n",
];
/// What lines are made of.
const WORDS: [&str; 24] = [
    "Received: ",
    "\r\n",
    "from ",
    "by ",
    "with ",
    "local ",
    "LMTP ",
    "POP3 ",
    "ESMTP ",
    "mx1.friend.example ",
    "localhost ",
    "(Postfix) ",
    "(Postfix, from userid 0) ",
    "(OpenSMTPD) ",
    "(qmail 1 invoked from network) ",
    "(unknown [192.0.2.200]) ",
    "([198.51.100.9]) ",
    "(mx1.friend.example [198.51.100.7]) ",
    "([10.0.0.1]) ",
    "(HELO ",
    "helo=",
    "[2001:db8::9] ",
    "(",
    ") ",
];

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    match input.below(2) {
        0 => below_honest_lines(&mut input),
        _ => of_chance(&mut input),
    }
}

/// Whatever the bot wrote and said, it is named.
fn below_honest_lines(input: &mut Input<'_>) {
    let honest = input.one_of(&HONEST);
    let (helo, name) = (host(input.text(40)), host(input.text(40)));
    let mut lines = honest
        .replace("{HELO}", &helo)
        .replace("{NAME}", &name)
        .into_bytes();
    lines.extend(lines_of(input));
    let origin = origin(&lines, true).unwrap();
    assert_eq!(origin.address, BOT, "{}", lines.escape_ascii());
}

/// Any lines name an address that strangers can have; without a name of who bounced, nobody is accused for sure.
fn of_chance(input: &mut Input<'_>) {
    let has_name = input.one_in(2);
    let lines = lines_of(input);
    let Some(origin) = origin(&lines, has_name) else {
        return;
    };
    assert!(is_public(origin.address), "{}", origin.address);
    assert!(has_name || origin.standing == Standing::Claimed);
}

fn origin(lines: &[u8], has_name: bool) -> Option<Origin> {
    let name: Domain = "mx1.friend.example".parse().unwrap();
    let reporter = Reporter {
        address: Ipv4Addr::new(198, 51, 100, 7).into(),
        name: has_name.then_some(&name),
    };
    let ours = IpAddr::from([192, 0, 2, 3]);
    let (headers, _) = Headers::parse(lines);
    reporter.origin(&headers, |address| address == ours)
}

/// As MTAs let it through in HELO and in the names of addresses: no blank, no parenthesis, nothing that ends a word.
fn host(text: &[u8]) -> String {
    let is_fit = |byte: &&u8| byte.is_ascii_graphic() && !b"()<>;\\\"@=".contains(byte);
    let host: String = text
        .iter()
        .filter(is_fit)
        .map(|byte| char::from(*byte))
        .collect();
    if host.is_empty() {
        "x".to_owned()
    } else {
        host
    }
}

fn lines_of(input: &mut Input<'_>) -> Vec<u8> {
    let mut lines = Vec::new();
    while !input.is_empty() {
        match input.below(4) {
            0 => lines.extend(input.text(20)),
            _ => lines.extend(input.one_of(&WORDS).bytes()),
        }
    }
    lines
}
