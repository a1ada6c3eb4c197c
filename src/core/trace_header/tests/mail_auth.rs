//! Why mail-auth 0.13.3 doesn't write our headers: what it makes of ordinary and of hostile input, read by the same
//! grammar that ours must keep. Where a newer version does better, these tests say so by failing.

use mail_auth::{
    AuthenticationResults, ReceivedSpf, SpfOutput, SpfResult, common::headers::HeaderWriter,
};

use super::{RECEIVER, grammar};

/// Whether its Received-SPF and its Authentication-Results keep the grammar, for a client with this address, this
/// name in HELO and this sender.
fn keeps(address: &str, helo: &str, mail_from: &str) -> (bool, bool) {
    let (received_spf, authentication_results) = write(address, helo, mail_from);
    (
        grammar::received_spf(&received_spf).is_ok(),
        grammar::authentication_results(&authentication_results).is_ok(),
    )
}

fn write(address: &str, helo: &str, mail_from: &str) -> (String, String) {
    let spf = SpfOutput::new(String::new()).with_result(SpfResult::Pass);
    let address = address.parse().unwrap();
    let received_spf = ReceivedSpf::new(&spf, address, helo, mail_from, RECEIVER);
    let results = AuthenticationResults::new(RECEIVER)
        .with_spf_ehlo_result(&spf, address, helo)
        .with_spf_mailfrom_result(&spf, address, mail_from, helo);
    (value(&received_spf), value(&results))
}

fn value(header: &impl HeaderWriter) -> String {
    let whole = header.to_header();
    let (_, value) = whole.split_once(": ").unwrap();
    value.strip_suffix("\r\n").unwrap().to_owned()
}

#[test]
fn what_it_makes_of_senders_and_helos() {
    const V4: &str = "192.0.2.1";
    const HELO: &str = "mta.example.com";
    const FROM: &str = "joe@example.com";
    let long = format!("{}@example.com", "a".repeat(2000));
    for (address, helo, mail_from, received_spf, authentication_results) in [
        // The tame.
        (V4, HELO, FROM, true, true),
        (V4, HELO, "\"a b\"@example.com", true, true),
        (V4, HELO, "a@example.com\r\nX-Injected: yes", true, true),
        // The null sender: `smtp.mailfrom=<>`.
        (V4, HELO, "", true, false),
        // IPv6: `client-ip=2001:db8::1`, unquoted.
        ("2001:db8::1", HELO, FROM, false, true),
        // An address literal in HELO, as RFC 5321 section 4.1.1.1 allows: `helo=[192.0.2.1]`, unquoted.
        (V4, "[192.0.2.1]", FROM, false, false),
        (V4, "", FROM, false, false),
        (V4, "<mta.example.com>", FROM, false, false),
        (V4, "mta.example.com.", FROM, false, true),
        // 8-bit: through as it is.
        (V4, "bücher.example", FROM, false, false),
        (V4, HELO, "дима@example.com", false, false),
        // No domain-name of RFC 6376: must be quoted.
        (V4, HELO, "a@localhost", true, false),
        (V4, HELO, "a@[192.0.2.1]", true, false),
        (V4, HELO, "postmaster", true, true),
        (V4, HELO, "a,b@example.com", true, false),
        (V4, HELO, &long, true, true),
    ] {
        assert_eq!(
            keeps(address, helo, mail_from),
            (received_spf, authentication_results),
            "{address} {helo} {mail_from}: {:?}",
            write(address, helo, mail_from)
        );
    }
}

/// It drops what it doesn't like: what remains can be a name that nobody checked.
#[test]
fn it_makes_names_up() {
    let (received_spf, authentication_results) =
        write("192.0.2.1", "ba(n)k.example", "a@b.example");
    assert!(
        received_spf.contains("helo=bank.example;"),
        "{received_spf}"
    );
    assert!(
        authentication_results.contains("smtp.helo=bank.example;"),
        "{authentication_results}"
    );
}

/// RFC 7208 section 9.1 has keys for them, and `identity` says which check this is.
#[test]
fn it_tells_neither_identity_nor_mechanism_nor_problem() {
    let (received_spf, _) = write("192.0.2.1", "mta.example.com", "joe@example.com");
    let header = grammar::received_spf(&received_spf).unwrap();
    assert_eq!(
        header.keys(),
        ["receiver", "client-ip", "envelope-from", "helo"]
    );
}

/// RFC 5322 section 2.1.1: a line has 998 octets at the most.
#[test]
fn it_does_not_fold() {
    let sender = format!("{}@example.com", "a".repeat(2000));
    let (received_spf, authentication_results) = write("192.0.2.1", "mta.example.com", &sender);
    for value in [received_spf, authentication_results] {
        assert!(value.lines().any(|line| line.len() > 998));
    }
}
