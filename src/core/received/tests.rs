//! What each make writes.

use super::{
    Hop,
    Through::{self, Delivery, Smtp, Submission},
    recipient,
};

mod makes;

/// A value, how it came, the client's address, its HELO, the host, whether it had logged in.
type Row = (
    &'static str,
    Through,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
    bool,
);

#[test]
fn a_hop_is_read_as_its_make_wrote_it() {
    const IP: Option<&str> = Some("192.0.2.7");
    const A: Option<&str> = Some("a.example");
    const MX: Option<&str> = Some("mx.test");
    let rows: &[Row] = &[
        // Postfix, Sendmail
        (
            "from a.example (b.example [192.0.2.7]) by mx.test (Postfix) with ESMTP id 1; x",
            Smtp,
            IP,
            A,
            MX,
            false,
        ),
        (
            "from a.example (b.example [IPv6:2001:db8::7]) by mx.test with ESMTP",
            Smtp,
            Some("2001:db8::7"),
            A,
            MX,
            false,
        ),
        (
            "from a.example (b.example [192.0.2.7] (may be forged)) by mx.test",
            Smtp,
            IP,
            A,
            MX,
            false,
        ),
        (
            "from a.example ([10.9.9.9].b.example [192.0.2.7]) by mx.test",
            Smtp,
            IP,
            A,
            MX,
            false,
        ),
        (
            "from a.example (b.example [192.0.2.7]) (Authenticated sender: joe) by mx.test",
            Smtp,
            IP,
            A,
            MX,
            true,
        ),
        (
            "from a.example (b.example [192.0.2.7] (authenticated bits=0)) by mx.test with ESMTPA",
            Smtp,
            IP,
            A,
            MX,
            true,
        ),
        (
            "by mx.test (Postfix, from userid 1000) id 1; x",
            Submission,
            None,
            None,
            MX,
            false,
        ),
        (
            "by mx.test (Postfix) id 1; x",
            Delivery,
            None,
            None,
            MX,
            false,
        ),
        // Exim
        (
            "from b.example ([192.0.2.7]:4711 helo=a.example) by mx.test with esmtp (Exim 4.96)",
            Smtp,
            IP,
            A,
            MX,
            false,
        ),
        (
            "from b.example ([192.0.2.7] helo=a.example ident=x) by mx.test with esmtpsa",
            Smtp,
            IP,
            A,
            MX,
            true,
        ),
        (
            "from [192.0.2.7] (helo=a.example) by mx.test with asmtp",
            Smtp,
            IP,
            A,
            MX,
            true,
        ),
        (
            "from [192.0.2.7] (port=4711 helo=a.example) by mx.test with esmtp",
            Smtp,
            IP,
            A,
            MX,
            false,
        ),
        // What only ends like the key, or says nothing.
        (
            "from a.example ([192.0.2.7] xhelo=b.example) by mx.test",
            Smtp,
            IP,
            A,
            MX,
            false,
        ),
        (
            "from a.example ([192.0.2.7] helo=) by mx.test",
            Smtp,
            IP,
            A,
            MX,
            false,
        ),
        (
            "from joe by mx.test with local (Exim 4.96)",
            Submission,
            None,
            Some("joe"),
            MX,
            false,
        ),
        // qmail
        (
            "from unknown (HELO a.example) (192.0.2.7) by mx.test with SMTP; x",
            Smtp,
            IP,
            A,
            MX,
            false,
        ),
        (
            "from unknown (HELO a.example) (joe@192.0.2.7) by mx.test with SMTP; x",
            Smtp,
            IP,
            A,
            MX,
            false,
        ),
        (
            "(qmail 12 invoked by uid 1000); x",
            Submission,
            None,
            None,
            None,
            false,
        ),
        (
            "(qmail 12 invoked for bounce); x",
            Delivery,
            None,
            None,
            None,
            false,
        ),
        // To the mailbox.
        (
            "from a.example (a.example [192.0.2.7]) by mx.test with LMTP id 1",
            Delivery,
            IP,
            A,
            MX,
            false,
        ),
        (
            "from a.example ([192.0.2.7]) by mx.test with POP3 (fetchmail)",
            Delivery,
            IP,
            A,
            MX,
            false,
        ),
    ];
    for (value, through, address, helo, by, authenticated) in rows {
        let hop = Hop::read(value.as_bytes());
        let octets = |text: &Option<&str>| text.map(|text| text.as_bytes().to_vec());
        let expected = Hop {
            through: *through,
            address: address.map(|address| address.parse().unwrap()),
            name: hop.name.clone(),
            by_address: hop.by_address,
            helo: octets(helo),
            by: octets(by),
            authenticated: *authenticated,
        };
        assert_eq!(hop, expected, "{value}");
    }
}

#[test]
fn a_recipient_stands_behind_the_host() {
    for (value, expected) in [
        (
            "from a (a [192.0.2.7]) by mx.test for <joe@own.test>; x",
            Some("<joe@own.test>"),
        ),
        (
            "from for (a [192.0.2.7]) by mx.test with ESMTP for joe@own.test; x",
            Some("joe@own.test"),
        ),
        (
            "from a (a [192.0.2.7]) by mx.test; for <joe@own.test>",
            None,
        ),
        ("from a for <joe@own.test>", None),
    ] {
        let found = recipient(value.as_bytes());
        let found = found.as_deref().map(<[u8]>::escape_ascii);
        assert_eq!(
            found.map(|found| found.to_string()).as_deref(),
            expected,
            "{value}"
        );
    }
}

#[test]
fn a_name_counts_where_its_writer_saw_it_lead_back() {
    for (value, name) in [
        (
            "from a (b.example [192.0.2.7]) by mx.test (Postfix)",
            Some("b.example"),
        ),
        ("from a (unknown [192.0.2.7]) by mx.test (Postfix)", None),
        (
            "from a (b.example [192.0.2.7] (may be forged)) by mx.test",
            None,
        ),
        (
            "from a ([192.0.2.7]) by mx.test (8.17.1/8.17.1) with ESMTP",
            None,
        ),
        (
            "from b.example ([192.0.2.7]) by mx.test with esmtp (Exim 4.96)",
            Some("b.example"),
        ),
        (
            "from b.example ([192.0.2.7]:4711 helo=a.example) by mx.test with esmtp (Exim 4.96)",
            Some("b.example"),
        ),
        (
            "from [192.0.2.7] (helo=a.example) by mx.test with esmtp (Exim 4.96)",
            None,
        ),
        // These write what the client said, or a name that they did not check.
        (
            "from b.example (HELO a.example) (192.0.2.7) by mx.test with SMTP",
            None,
        ),
        (
            "from a.example (192.0.2.7) by mx.test with Microsoft SMTP Server",
            None,
        ),
        ("from a.example by mx.test", None),
    ] {
        let hop = Hop::read(value.as_bytes());
        assert_eq!(hop.name.as_deref(), name.map(str::as_bytes), "{value}");
    }
}

#[test]
fn a_host_may_tell_its_own_address() {
    for (value, address) in [
        (
            "from a (10.0.0.5) by mx.test (192.0.2.7) with Microsoft SMTP Server id 15.2",
            Some("192.0.2.7"),
        ),
        (
            "from a (2001:db8::5) by mx.test (2001:db8::7) with Microsoft SMTP Server id 15.2",
            Some("2001:db8::7"),
        ),
        (
            "from a ([10.0.0.5]) by mx.test (mxgmx108 [192.0.2.7]) with ESMTPS (Nemesis) id 1",
            Some("192.0.2.7"),
        ),
        ("by mx.test (192.0.2.7) id 1", Some("192.0.2.7")),
        (
            "from a (a [192.0.2.7]) by mx.test (Postfix) with ESMTP",
            None,
        ),
        (
            "from a (a [192.0.2.7]) by mx.test with ESMTP ([192.0.2.7])",
            None,
        ),
        ("from by (192.0.2.7) with ESMTP", None),
    ] {
        let hop = Hop::read(value.as_bytes());
        let expected = address.map(|address| address.parse().unwrap());
        assert_eq!(hop.by_address, expected, "{value}");
    }
}
