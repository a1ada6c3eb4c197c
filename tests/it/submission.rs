//! Users who log in while the daemon is down: what a real Postfix answers them, and the line that lets them send.

use std::{io, net::SocketAddr};

use lab::{
    postfix::{Options, Postfix},
    process::free_port,
    sasl::PASSWORD,
    smtp::{Client, Reply},
};

use crate::{package::text, site::codes};

/// The line for master.cf that we ship.
fn shipped(port: u16) -> String {
    let page = text("packaging/postfix/main.cf");
    let mut lines = page
        .lines()
        .filter_map(|line| line.strip_prefix("#     -o { smtpd_milters"));
    let line = format!("  -o {{ smtpd_milters{}", lines.next().unwrap());
    assert_eq!(lines.next(), None);
    line.replace("127.0.0.1:8894", &format!("127.0.0.1:{port}"))
}

/// The codes of a session of somebody who logs in, as far as it comes.
fn session(postfix: &Postfix, port: u16) -> String {
    codes_of(port).unwrap_or_else(|error| panic!("{error}: {}", postfix.log()))
}

fn codes_of(port: u16) -> io::Result<String> {
    let mut client = Client::connect(SocketAddr::from(([127, 0, 0, 1], port)))?;
    let mut said = Vec::new();
    let mut note = |what: &str, reply: &Reply| {
        said.push(format!("{what} {}", codes(reply)));
        reply.is_positive()
    };
    let ehlo = client.ehlo("laptop.example")?;
    if note("EHLO", &ehlo)
        && note("AUTH", &client.auth_plain("joe", PASSWORD)?)
        && note("MAIL", &client.mail("joe@example.org")?)
        && note("RCPT", &client.rcpt("known@example.net")?)
    {
        let reply = client.data(b"From: joe@example.org\r\n\r\nhello\r\n")?;
        note("DATA", &reply);
    }
    Ok(said.join(", "))
}

#[test]
fn users_send_while_the_daemon_is_down_if_the_line_is_there() {
    // Nobody listens there: neither we nor a signer.
    let (dead, signer) = (free_port().unwrap(), free_port().unwrap());
    let [plain, spared, signed] = [(); 3].map(|()| free_port().unwrap());
    let line = shipped(dead);
    let with_signer = line.replacen(" } }", &format!(" }}, inet:127.0.0.1:{signer} }}"), 1);
    let service = |port: u16, lines: &str| format!("127.0.0.1:{port} inet n - n - - smtpd{lines}");
    let postfix = Postfix::start(&Options {
        domains: vec!["example.net".to_owned()],
        mailboxes: vec!["known@example.net".to_owned()],
        main_cf: vec![format!(
            "smtpd_milters = inet:127.0.0.1:{dead}\nmilter_default_action = tempfail"
        )],
        master_cf: vec![
            service(plain, "\n  -o syslog_name=postfix/submission"),
            service(spared, &format!("\n{line}")),
            service(signed, &format!("\n{with_signer}")),
        ],
        ..Options::default()
    })
    .unwrap();
    // Their programs say that they can't log in now (RFC 4954 section 6).
    assert_eq!(session(&postfix, plain), "EHLO 250 , AUTH 454 4.3.0");
    assert_eq!(
        session(&postfix, spared),
        "EHLO 250 , AUTH 235 2.7.0, MAIL 250 2.1.0, RCPT 250 2.1.5, DATA 250 2.0.0"
    );
    // The signer keeps its own default action.
    assert_eq!(session(&postfix, signed), session(&postfix, plain));
    drop(postfix);
}
