//! Each way that our own mail comes back by, and what forgers make of that.

use super::*;

#[test]
fn each_way_that_our_mail_comes_back_by() {
    use SignatureResult::Whole;
    let news = "From: news@example.org\nTo: joe@example.org\nMessage-ID: <n@service.example>\n";
    let to_list: &[&str] = &["dev@lists.friend.example"];
    let service = || chain(SERVICE, &[news, SIGNED]);
    let list = || chain(LIST, &[POST, SIGNED]);
    let forger = |headers: &[&str]| chain("x@evil.example", headers);
    holds([
        (
            "a service that signs as we do",
            service().signed("example.org", Whole, JOE),
            ACCEPTED,
            "read dmarc ledger signatures",
            "pass",
        ),
        (
            "a service that does not sign",
            chain(SERVICE, &[news]),
            FORGED,
            "dmarc ledger",
            "fail",
        ),
        (
            "a list that keeps the signature",
            list().sent("jane@example.org", to_list),
            ACCEPTED,
            "dmarc ledger use",
            "-",
        ),
        (
            "one whose post we do not remember",
            list().signed("example.org", Whole, "dev@lists.friend.example"),
            DOUBTFUL,
            "read dmarc ledger signatures",
            "pass",
        ),
        (
            "a list that breaks it",
            list()
                .sent("jane@example.org", to_list)
                .signed("example.org", failed(), ""),
            ACCEPTED,
            "dmarc ledger use",
            "-",
        ),
        (
            "one whose post we do not remember",
            list().signed("example.org", failed(), ""),
            FORGED,
            "read dmarc ledger signatures",
            "fail",
        ),
        (
            "a list that takes it off",
            chain(LIST, &[POST]).sent("jane@example.org", to_list),
            ACCEPTED,
            "dmarc ledger use",
            "fail",
        ),
        (
            "a list above the host of its address",
            chain("bounces@friend.example", &[POST]).sent("jane@example.org", to_list),
            ACCEPTED,
            "dmarc ledger use",
            "fail",
        ),
        (
            "a list that the file names",
            chain("a@listed.example", &[POST, SIGNED]),
            ACCEPTED,
            "dmarc",
            "-",
        ),
        (
            "a forwarder",
            chain("bob@relay.example", &[POST, SIGNED])
                .signed("example.org", Whole, "bob@friend.example"),
            DOUBTFUL,
            "read dmarc ledger signatures",
            "pass",
        ),
        (
            "who sends it again (RFC 5322 section 3.6.6)",
            chain(
                "bob@relay.example",
                &["Resent-From: bob@relay.example\nResent-To: joe@example.org\n", POST, SIGNED],
            )
            .signed("example.org", Whole, "bob@friend.example"),
            DOUBTFUL,
            "read dmarc ledger signatures",
            "pass",
        ),
        ("a forger", forger(&[POST]), FORGED, "dmarc ledger", "fail"),
        (
            "one without SPF",
            forger(&[POST]).spf(Without),
            FORGED,
            "dmarc",
            "fail",
        ),
        (
            "one who copies a signature",
            forger(&[POST, SIGNED]).signed("example.org", failed(), ""),
            FORGED,
            "read dmarc ledger signatures",
            "fail",
        ),
        (
            "one who sends signed mail to others on",
            forger(&[POST, SIGNED]).signed("example.org", Whole, "victim@friend.example"),
            DOUBTFUL,
            "read dmarc ledger signatures",
            "pass",
        ),
        (
            "one who takes a Message-ID from an archive before the post of the list comes",
            forger(&[POST]).sent("jane@example.org", to_list),
            FORGED,
            "dmarc ledger",
            "fail",
        ),
        (
            "one who forges the list, too",
            list()
                .sent("jane@example.org", to_list)
                .signed("example.org", failed(), "")
                .spf(Softfail),
            FORGED,
            "read dmarc signatures",
            "fail",
        ),
        (
            "one with an address at the provider of a recipient",
            chain("x@gmail.com", &[POST]).sent("jane@example.org", &["bob@gmail.com"]),
            FORGED,
            "dmarc",
            "fail",
        ),
        (
            "at one that the file names",
            chain("x@isp.example", &[POST]).sent("jane@example.org", &["bob@isp.example"]),
            FORGED,
            "dmarc",
            "fail",
        ),
        (
            "the Message-ID is of another of us",
            list()
                .sent("kim@example.org", to_list)
                .signed("example.org", failed(), ""),
            FORGED,
            "read dmarc ledger signatures",
            "fail",
        ),
        (
            "a host below that of the list",
            chain("x@sub.lists.friend.example", &[POST]).sent("jane@example.org", to_list),
            FORGED,
            "dmarc ledger",
            "fail",
        ),
        (
            "two Message-IDs",
            chain(LIST, &[POST, "Message-ID: <2@example.org>\n"])
                .sent("jane@example.org", to_list),
            FORGED,
            "dmarc",
            "fail",
        ),
        (
            "a notification without a sender, signed",
            chain("", &["From: MAILER-DAEMON@example.org\nTo: joe@example.org\nSubject: Undelivered mail\n\
                         Content-Type: multipart/report; report-type=delivery-status; boundary=b\n", SIGNED])
                .site("ledger: {remember: true}", "dkim: {verify: false}")
                .signed("example.org", Whole, JOE),
            ACCEPTED,
            "read dmarc signatures",
            "pass",
        ),
    ]);
}
