use super::{
    Mta::{Postfix, Sendmail, Unknown},
    *,
};

fn refused(mta: Mta, (mailer, host, addr): (&str, &str, &str)) -> Option<String> {
    mta.refused(Route {
        mailer: mailer.as_bytes(),
        host: host.as_bytes(),
        addr: addr.as_bytes(),
    })
}

/// As Postfix 3.7 writes them; 2.6 to 3.11 have the same code for it. Each stands behind the restriction that it comes of.
const REFUSED: &[(&str, &str, &str)] = &[
    // reject_unlisted_recipient, for each class of domain.
    (
        "error",
        "5.1.1",
        "Recipient address rejected: User unknown in local recipient table",
    ),
    (
        "error",
        "5.1.1",
        "Recipient address rejected: User unknown in virtual alias table",
    ),
    (
        "error",
        "5.1.1",
        "Recipient address rejected: User unknown in virtual mailbox table",
    ),
    (
        "error",
        "5.1.1",
        "Recipient address rejected: User unknown in relay recipient table",
    ),
    // With show_user_unknown_table_name = no.
    ("error", "5.1.1", "Recipient address rejected: User unknown"),
    // With unknown_local_recipient_reject_code = 450.
    (
        "error",
        "4.1.1",
        "Recipient address rejected: User unknown in local recipient table",
    ),
    // Transports error: and retry:, with their texts; Postfix pads one that is empty.
    (
        "error",
        "5.1.1",
        "Recipient address rejected: Address is undeliverable",
    ),
    ("error", "5.1.1", "Recipient address rejected: no mail here"),
    (
        "error",
        "5.1.1",
        "Recipient address rejected:                       ",
    ),
    ("error", "5.2.1", "Recipient address rejected: mailbox full"),
    ("error", "4.0.0", "Recipient address rejected: later"),
    // reject_unauth_destination, defer_unauth_destination.
    ("error", "5.7.1", "Relay access denied"),
    ("error", "4.7.1", "Relay access denied"),
    // check_recipient_access, check_policy_service, reject, defer.
    (
        "error",
        "5.7.1",
        "Recipient address rejected: Access denied",
    ),
    (
        "error",
        "4.7.1",
        "Recipient address rejected: Service unavailable",
    ),
    ("error", "4.7.1", "Recipient address rejected: Greylisted"),
    (
        "error",
        "4.3.2",
        "Recipient address rejected: Try again later",
    ),
    (
        "error",
        "5.9.9",
        "Recipient address rejected: one@word.example",
    ),
    (
        "error",
        "5.7.1",
        "Recipient address rejected: write to <help@example.org>",
    ),
    // A table or a server that doesn't answer.
    (
        "error",
        "4.3.0",
        "Recipient address rejected: Temporary lookup failure",
    ),
    (
        "error",
        "4.3.5",
        "Recipient address rejected: Server configuration error",
    ),
    // reject_unverified_recipient.
    (
        "error",
        "4.1.1",
        "Recipient address rejected: unverified address: Address verification in progress",
    ),
    (
        "error",
        "5.1.1",
        "Recipient address rejected: undeliverable address: unknown user: \"joe\"",
    ),
    // reject_non_fqdn_recipient, reject_unknown_recipient_domain.
    (
        "error",
        "5.5.2",
        "Recipient address rejected: need fully-qualified address",
    ),
    (
        "error",
        "4.1.2",
        "Recipient address rejected: Domain not found",
    ),
    // Restrictions of client, HELO and sender, which wait for RCPT (smtpd_delay_reject).
    ("error", "5.7.1", "Client host rejected: Access denied"),
    (
        "error",
        "4.7.25",
        "Client host rejected: cannot find your hostname, [192.0.2.7]",
    ),
    ("error", "5.5.2", "Helo command rejected: Invalid name"),
    ("error", "5.7.1", "Sender address rejected: Access denied"),
    (
        "error",
        "4.1.8",
        "Sender address rejected: Domain not found",
    ),
    // reject_rbl_client has no address in front; its default_rbl_reply can be a single word, and then nothing is left.
    (
        "error",
        "5.7.1",
        "unavailable; Client host [192.0.2.7] blocked using bl.example; see https://bl.example/?a=b@c",
    ),
    ("error", "5.7.1", ""),
    // Recipients with blanks in them: the cut is in the address. The last two want to look like one.
    (
        "error",
        "5.1.1",
        "b@own.example>: Recipient address rejected: User unknown in virtual alias table",
    ),
    ("error", "5.7.1", "x>: Relay access denied"),
    (
        "error",
        "5.1.1",
        "address rejected: x@own.example>: Recipient address rejected: User unknown",
    ),
    (
        "error",
        "5.1.1",
        "\"x\"@own.example>: Recipient address rejected: User unknown in virtual alias table",
    ),
    (
        "error",
        "5.1.1",
        "\"x@own.example>: Recipient address rejected: User unknown in virtual alias table",
    ),
];

/// As Postfix 3.7 writes them of recipients that it answers 250.
const ACCEPTED: &[(&str, &str, &str)] = &[
    ("local", "mx.own.example", "joe@own.example"),
    ("virtual", "own.example", "joe@own.example"),
    ("lmtp", "unix:private/lmtp", "joe@own.example"),
    ("relay", "own.example", "joe@own.example"),
    ("smtp", "mx.own.example", "postmaster@mx.own.example"),
    // A virtual alias domain.
    (
        "error",
        "5.1.1 User unknown in virtual alias table",
        "info@own.example",
    ),
    ("error", "5.1.1 User unknown", "info@own.example"),
    (
        "error",
        "5.1.1 User unknown in virtual alias table",
        "\"recipient address rejected: x\"@own.example",
    ),
    (
        "error",
        "5.1.1 User unknown in virtual alias table",
        "\"\"@own.example",
    ),
    (
        "error",
        "5.1.1 User unknown in virtual alias table",
        "b\u{fc}ro@own.example",
    ),
    // transport_maps, where smtpd_reject_unlisted_recipient = no.
    ("error", "5.1.1", "mute@own.example"),
    ("error", "4.2.1", "mute@own.example"),
    (
        "error",
        "5.1.1",
        "\"recipient address rejected: x\"@own.example",
    ),
    ("error", "5.1.1", "\"a \\\" b\"@own.example"),
    ("error", "5.1.1", "\"a \\\\\"@own.example"),
    ("error", "5.1.1", "relay@denied@own.example"),
    ("error", "5.1.1", "mute@[192.0.2.1]"),
    ("error", "5.1.1", "mute@[IPv6:2001:db8::1]"),
    ("error", "5.1.1", "mute@b\u{fc}ro.example"),
    ("error", "Address is undeliverable", "mute@own.example"),
    ("error", "4.2.1 mailbox full", "mute@own.example"),
    ("error", "no mail here", "mute@own.example"),
    ("retry", "4.0.0 later", "mute@own.example"),
    ("retry", "4.0.0", "mute@own.example"),
    // Nothing that a refused one has.
    ("", "", ""),
    ("", "5.1.1", "Recipient address rejected: User unknown"),
    (
        "errors",
        "5.1.1",
        "Recipient address rejected: User unknown",
    ),
    ("error", "", ""),
    ("error", "own.example", "Relay access denied"),
    ("error", "2.1.5", "Recipient address rejected: x"),
    ("error", "5.1", "Recipient address rejected: x"),
    ("error", "5.1.", "Recipient address rejected: x"),
    ("error", "5.1.1.1", "Recipient address rejected: x"),
    ("error", "5.1.1 ", "Recipient address rejected: x"),
    ("error", "5.1.1000", "Recipient address rejected: x"),
    ("error", "50.1.1", "Recipient address rejected: x"),
    ("error", "5.x.1", "Recipient address rejected: x"),
];

#[test]
fn postfix_refuses_with_a_code_and_a_text() {
    for mta in [Postfix, Unknown] {
        for row in REFUSED {
            assert_eq!(refused(mta, *row).as_deref(), Some(row.1), "{row:?}");
        }
        for row in ACCEPTED {
            assert_eq!(refused(mta, *row), None, "{row:?}");
        }
    }
}

#[test]
fn sendmail_refuses_by_its_mailer() {
    for (row, code) in [
        (("error", "5.1.1", "550 5.1.1 User unknown"), Some("5.1.1")),
        (("error", "4.2.1", "450 later"), Some("4.2.1")),
        (("error", "5.1.1", "joe@own.example"), Some("5.1.1")),
        (("error", "own.example", "joe"), Some("no code given")),
        (("error", "", ""), Some("no code given")),
        (("local", "", "joe"), None),
        (("esmtp", "own.example.", "joe@own.example"), None),
        (("", "", ""), None),
    ] {
        assert_eq!(refused(Sendmail, row).as_deref(), code, "{row:?}");
    }
}

/// Whatever a stranger asks for, what Postfix writes of a recipient that it accepts is not taken for a reply.
#[test]
fn no_accepted_recipient_is_taken_for_a_refused_one() {
    let pieces = [
        "\"",
        "\\",
        " ",
        "@",
        ">: ",
        "Recipient address rejected: ",
        "own.example",
        "\u{e9}",
        "x",
        "\t",
    ];
    let count = pieces.len();
    for number in 0..count.pow(5) {
        let local: String = (0..5)
            .map(|at| pieces[number / count.pow(at) % count])
            .collect();
        let quoted = local.replace('\\', "\\\\").replace('"', "\\\"");
        let addr = format!("\"{quoted}\"@own.example");
        assert_eq!(refused(Postfix, ("error", "5.1.1", &addr)), None, "{addr}");
    }
}
