use proptest::prelude::*;

use super::*;

fn local() -> Local {
    Local {
        domains: vec!["own.test".parse().unwrap(), ".own.test".parse().unwrap()].into(),
        ..Local::default()
    }
}

const HOST: &str = "mx.own.test";

fn sender(argument: &[u8], macros: MtaMacros<'_>) -> String {
    let path = reverse_path(argument, macros, &local(), HOST);
    path.to_bytes().escape_ascii().to_string()
}

fn rcpt(argument: &[u8], macros: MtaMacros<'_>) -> String {
    let mailbox = recipient(argument, macros, &local(), HOST);
    mailbox.to_bytes().escape_ascii().to_string()
}

fn postfix(resolved: &'static str) -> MtaMacros<'static> {
    MtaMacros {
        mta: Mta::Postfix,
        resolved: Some(resolved.as_bytes()),
        from: None,
    }
}

fn sendmail(from: Option<&'static str>) -> MtaMacros<'static> {
    MtaMacros {
        mta: Mta::Sendmail,
        // The resolved mailbox: never to be believed.
        resolved: Some(b"mary"),
        from: from.map(str::as_bytes),
    }
}

/// Neither RFC has these: the MTA is asked what it makes of them.
#[test]
fn what_is_no_path_is_not_taken_for_one() {
    for argument in [
        "<\"a\x7fb\"@x.test>",
        "<\"a\x01b\"@x.test>",
        "<\"a@x.test>",
        "<joe@[]>",
        "<joe@[a b]>",
        "<joe@[a]b]>",
        "<joe@x.test.>",
        "<joe>",
    ] {
        assert_eq!(strict::path(argument.as_bytes()), None, "{argument}");
    }
}

/// What RFC 5321 and RFC 6531 parse stands as parsed, whatever a macro says.
#[test]
fn a_path_of_rfc_5321_stands() {
    for (argument, parsed) in [
        ("<>", ""),
        ("<joe@own.test>", "joe@own.test"),
        ("joe@own.test", "joe@own.test"),
        ("<Joe@OWN.Test>", "Joe@own.test"),
        ("<\"joe\"@own.test>", "\"joe\"@own.test"),
        ("<\"a b\"@own.test>", "\"a b\"@own.test"),
        ("<\"a@b\"@x.test>", "\"a@b\"@x.test"),
        ("<\"joe@own.test\"@x.test>", "\"joe@own.test\"@x.test"),
        ("<\"(c)<>,;:\"@x.test>", "\"(c)<>,;:\"@x.test"),
        ("<\"a\\\"b\\\\\"@x.test>", "\"a\\\"b\\\\\"@x.test"),
        ("<joe@[192.0.2.1]>", "joe@[192.0.2.1]"),
        ("<joe@[IPv6:2001:db8::1]>", "joe@[IPv6:2001:db8::1]"),
        ("<@relay.test:joe@own.test>", "joe@own.test"),
        ("<@a.test,@b.test:joe@own.test>", "joe@own.test"),
        (
            "<j\u{fc}rg@b\u{fc}cher.test>",
            "j\u{fc}rg@xn--bcher-kva.test",
        ),
        ("<joe@under_score.test>", "joe@under_score.test"),
        // None of these is ours.
        (
            "<SRS0=h=t=own.test=joe@fwd.test>",
            "SRS0=h=t=own.test=joe@fwd.test",
        ),
        (
            "<SRS1=h=fwd.test==h=t=own.test=joe@x.test>",
            "SRS1=h=fwd.test==h=t=own.test=joe@x.test",
        ),
        ("<list+joe=own.test@l.test>", "list+joe=own.test@l.test"),
        ("<joe%own.test@x.test>", "joe%own.test@x.test"),
        ("<own.test!joe@x.test>", "own.test!joe@x.test"),
        (
            "<prvs=0123cfcd40=joe@own.test>",
            "prvs=0123cfcd40=joe@own.test",
        ),
        ("<=?utf-8?q?joe?=@own.test>", "=?utf-8?q?joe?=@own.test"),
        // Nor does a macro make it another.
        ("<joe%own.test@own.test>", "joe%own.test@own.test"),
    ] {
        let escaped = parsed.as_bytes().escape_ascii().to_string();
        for macros in [
            MtaMacros::default(),
            postfix("other@other.test"),
            postfix(""),
            sendmail(Some("other@other.test")),
            sendmail(Some("")),
        ] {
            assert_eq!(sender(argument.as_bytes(), macros), escaped, "{argument}");
            if !parsed.is_empty() {
                assert_eq!(rcpt(argument.as_bytes(), macros), escaped, "{argument}");
            }
        }
    }
}

/// What both MTAs, or one of them, admit beyond that, and deliver as this.
const ODD: &[(&str, &str)] = &[
    // The null sender.
    ("<<>>", ""),
    ("<(c)>", ""),
    ("<()>", ""),
    ("<\"\">", ""),
    ("\"\"", ""),
    ("(x)<>", ""),
    ("(c)<>", ""),
    ("<;>", ""),
    ("<,>", ""),
    ("<:;>", ""),
    ("< >", ""),
    ("<\t>", ""),
    (" <> ", ""),
    ("<@x.test:>", ""),
    ("<((a)b\\)c)>", ""),
    ("Joe <>", ""),
    ("<g:;>", ""),
    ("<undisclosed recipients:;>", ""),
    // Comments and display names.
    ("<joe@own.test(c)>", "joe@own.test"),
    ("<joe(c)@own.test>", "joe@own.test"),
    ("<(c)joe@own.test>", "joe@own.test"),
    ("<joe@(x)own.test>", "joe@own.test"),
    ("<joe@own(c).test>", "joe@own.test"),
    ("<joe@own.test((a)(b(c)))>", "joe@own.test"),
    ("<joe@own.test(c>", "joe@own.test"),
    ("<joe@own.test)>", "joe@own.test"),
    ("<joe@own.test(\\)@x.test)>", "joe@own.test"),
    ("(c)<joe@own.test>", "joe@own.test"),
    ("<joe@own.test>(x)", "joe@own.test"),
    ("<Joe <joe@own.test>>", "joe@own.test"),
    ("<\"Joe <x@x.test>\" <joe@own.test>>", "joe@own.test"),
    ("Joe <joe@own.test>", "joe@own.test"),
    ("<<joe@own.test>>", "joe@own.test"),
    ("<<<joe@own.test>>>", "joe@own.test"),
    ("<joe@own.test", "joe@own.test"),
    ("joe@own.test>", "joe@own.test"),
    ("><joe@own.test>", "joe@own.test"),
    ("<joe@own.test>BODY=8BITMIME", "joe@own.test"),
    ("<joe@own.test>x@x.test", "joe@own.test"),
    // Blanks.
    ("<joe @own.test>", "joe@own.test"),
    ("<joe@ own.test>", "joe@own.test"),
    ("<joe @ own.test>", "joe@own.test"),
    ("<joe@own .test>", "joe@own.test"),
    ("<joe@own. test>", "joe@own.test"),
    ("<\tjoe\t@\town.test\t>", "joe@own.test"),
    ("<joe@own.test\r>", "joe@own.test"),
    ("< joe@own.test >", "joe@own.test"),
    // Dots.
    ("<joe@own.test.>", "joe@own.test"),
    ("<joe.@own.test>", "joe.@own.test"),
    ("<.joe@own.test>", ".joe@own.test"),
    ("<j..e@own.test>", "j..e@own.test"),
    // Quotes and backslashes.
    ("<joe@\"own.test\">", "joe@own.test"),
    ("<\"joe\"@\"own.test\">", "joe@own.test"),
    ("<\"joe@own.test\">", "joe@own.test"),
    ("<\"joe@own.test>", "joe@own.test"),
    ("<\"jo\"e@own.test>", "joe@own.test"),
    ("<jo\\e@own.test>", "joe@own.test"),
    ("<\\joe@own.test>", "joe@own.test"),
    ("<joe@own\\.test>", "joe@own.test"),
    ("<joe\\@own.test>", "joe@own.test"),
    ("<a b@own.test>", "\"a b\"@own.test"),
    // Lists and groups.
    ("<joe@own.test;>", "joe@own.test"),
    ("<joe@own.test,>", "joe@own.test"),
    ("<,joe@own.test>", "joe@own.test"),
    ("<joe@own.test:>", "joe@own.test"),
    ("<g:joe@own.test;>", "joe@own.test"),
    ("<g: Joe <joe@own.test>;>", "joe@own.test"),
    ("<x@x.test:joe@own.test>", "joe@own.test"),
    ("<own.test::joe>", "joe@own.test"),
    // Routes.
    ("<@relay.test: joe@own.test>", "joe@own.test"),
    ("<@a.test, @b.test:joe@own.test>", "joe@own.test"),
    ("<@relay.test(c):joe@own.test>", "joe@own.test"),
    // Domains of ours behind `%` and before `!`.
    ("<joe%own.test>", "joe@own.test"),
    ("<joe%sub.own.test>", "joe@sub.own.test"),
    ("<a%b%own.test>", "a%b@own.test"),
    ("<own.test!joe>", "joe@own.test"),
    ("<own.test!x.test!joe>", "x.test!joe@own.test"),
    ("<\"joe%own.test\">", "joe@own.test"),
    // Of others they stay.
    ("<joe%x.test>", "joe%x.test@own.test"),
    ("<x.test!joe>", "x.test!joe@own.test"),
    ("<x.test!joe%own.test>", "x.test!joe%own.test@own.test"),
    // No domain: one of this host.
    ("<joe>", "joe@own.test"),
    ("joe", "joe@own.test"),
    ("<joe@>", "joe@own.test"),
    ("<postmaster>", "postmaster@own.test"),
    ("<\"joe smith\">", "\"joe smith\"@own.test"),
    // No domain name.
    ("<joe@own..test>", "joe@own..test"),
    ("<joe@[192.0.2.1>", "joe@[192.0.2.1]"),
    ("<@own.test>", "@own.test"),
    ("<joe@own.test@x.test>", "\"joe@own.test\"@x.test"),
];

#[test]
fn odd_spellings_are_read_as_an_mta_reads_them() {
    for (argument, understood) in ODD {
        let escaped = understood.as_bytes().escape_ascii().to_string();
        let argument = argument.as_bytes();
        // Where `v` is unknown, or the macro didn't come, the argument is all there is; likewise RCPT of Sendmail.
        for macros in [
            MtaMacros::default(),
            MtaMacros {
                mta: Mta::Postfix,
                ..MtaMacros::default()
            },
            sendmail(None),
        ] {
            assert_eq!(
                sender(argument, macros),
                escaped,
                "{}",
                argument.escape_ascii()
            );
            assert_eq!(
                rcpt(argument, macros),
                escaped,
                "{}",
                argument.escape_ascii()
            );
        }
    }
}

/// Where the MTA is known, its macro decides what the argument doesn't say by RFC 5321. An empty value is the null sender.
#[test]
fn the_mta_s_macro_decides() {
    for (argument, macros, understood) in [
        ("<odd(c)>", postfix("joe@own.test"), "joe@own.test"),
        ("<odd(c)>", postfix("\"a b\"@own.test"), "\"a b\"@own.test"),
        ("<odd(c)>", postfix(""), ""),
        ("<joe>", postfix("joe@elsewhere.test"), "joe@elsewhere.test"),
        ("<odd(c)>", sendmail(Some("joe@own.test")), "joe@own.test"),
        ("<odd(c)>", sendmail(Some("")), ""),
        // What `f` itself doesn't take apart.
        (
            "<odd(c)>",
            sendmail(Some("\"joe@own.test\"")),
            "joe@own.test",
        ),
        (
            "<odd(c)>",
            sendmail(Some("joe@\"own.test\"")),
            "joe@own.test",
        ),
        ("<odd(c)>", sendmail(Some("jo\\e@own.test")), "joe@own.test"),
        ("<odd(c)>", sendmail(Some("joe")), "joe@own.test"),
    ] {
        let escaped = understood.as_bytes().escape_ascii().to_string();
        assert_eq!(sender(argument.as_bytes(), macros), escaped, "{macros:?}");
    }
    for (argument, macros, understood) in [
        ("<odd(c)>", postfix("joe@own.test"), "joe@own.test"),
        // No recipient is empty.
        ("<joe@own.test(c)>", postfix(""), "joe@own.test"),
        ("<joe>", postfix("joe@elsewhere.test"), "joe@elsewhere.test"),
        ("<joe@own.test(c)>", sendmail(None), "joe@own.test"),
    ] {
        assert_eq!(rcpt(argument.as_bytes(), macros), understood, "{macros:?}");
    }
}

/// With Postfix's default for myorigin, and a file that lists the domain alone.
#[test]
fn the_mta_s_own_name_is_no_domain_of_ours() {
    let alone = Local {
        domains: vec!["own.test".parse().unwrap()].into(),
        ..Local::default()
    };
    let elsewhere = Local {
        domains: vec!["other.test".parse().unwrap()].into(),
        ..Local::default()
    };
    for (local, argument, resolved, understood) in [
        (&alone, "<joe>", "joe@mx.own.test", "joe@own.test"),
        (&alone, "joe", "joe@MX.own.test", "joe@own.test"),
        (&alone, "<(c)joe>", "joe@mx.own.test", "joe@own.test"),
        (&elsewhere, "<joe>", "joe@mx.own.test", "joe"),
        // It is what was asked for, or one of ours, or another name.
        (
            &alone,
            "<joe@mx.own.test>",
            "joe@mx.own.test",
            "joe@mx.own.test",
        ),
        (
            &alone,
            "<joe@mx.own.test(c)>",
            "joe@mx.own.test",
            "joe@mx.own.test",
        ),
        (&local(), "<joe>", "joe@mx.own.test", "joe@mx.own.test"),
        (&alone, "<joe>", "joe@own.test", "joe@own.test"),
        (&alone, "<joe>", "joe@elsewhere.test", "joe@elsewhere.test"),
    ] {
        let macros = postfix(resolved);
        let mailbox = recipient(argument.as_bytes(), macros, local, HOST);
        let found = mailbox.to_bytes().escape_ascii().to_string();
        assert_eq!(found, understood, "{argument} {resolved}");
    }
}

/// As Postfix 3.7 (mydestination) and Sendmail 8.17 deliver them.
#[test]
fn an_address_of_ours_may_name_another() {
    for (address, named) in [
        ("joe%own.test@own.test", Some("joe@own.test")),
        ("own.test!joe@own.test", Some("joe@own.test")),
        ("\"joe@own.test\"@own.test", Some("joe@own.test")),
        ("joe%own.test@sub.own.test", Some("joe@own.test")),
        (
            "joe%own.test%own.test@own.test",
            Some("joe%own.test@own.test"),
        ),
        ("joe@own.test", None),
        ("joe%x.test@own.test", None),
        ("x.test!joe@own.test", None),
        ("joe%own.test@x.test", None),
        ("\"joe@own.test\"@x.test", None),
        ("SRS0=h=t=own.test=joe@own.test", None),
        ("list+joe=own.test@own.test", None),
    ] {
        let found = routed(&Mailbox::from_bytes(address.as_bytes()), &local());
        let found = found.map(|mailbox| mailbox.to_bytes());
        assert_eq!(found.as_deref(), named.map(str::as_bytes), "{address}");
    }
}

/// Where nobody knows which domain it would be.
#[test]
fn without_a_domain_it_stays_without() {
    let mailbox = recipient(
        b"<joe>",
        MtaMacros::default(),
        &local(),
        "mx.elsewhere.test",
    );
    assert_eq!(mailbox, Mailbox::from_bytes(b"joe"));
    let unqualified = Local {
        default_domain: Some("other.test".parse().unwrap()),
        ..local()
    };
    let mailbox = recipient(b"<joe>", MtaMacros::default(), &unqualified, HOST);
    assert_eq!(mailbox, Mailbox::from_bytes(b"joe@other.test"));
}

/// Mostly made of what addresses are made of, so that the deeper turns are reached.
fn argument() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            "joe", "own.test", "x.test", "@", "<", ">", "(", ")", "\"", "\\", ",", ";", ":", "%", "!", ".", " ", "\t", "[",
            "]", "[192.0.2.1]", "\u{fc}", "+", "\"a b\"",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn path() -> impl Strategy<Value = Vec<u8>> {
    let host = prop_oneof![
        "[a-z0-9]{1,3}(\\.[a-z0-9]{1,3}){0,2}",
        Just("[192.0.2.1]".to_owned()),
        Just("[IPv6:2001:db8::1]".to_owned()),
    ];
    let local = prop_oneof![
        "[a-z0-9!#$%&'*+/=?^_`{|}~ü-]{1,4}(\\.[a-z0-9!#$%&'*+/=?^_`{|}~ü-]{1,4}){0,2}",
        "\"([ !#-\\[\\]-~]|\\\\[ -~]){0,6}\"",
    ];
    let route = prop::option::of("@[a-z]{1,3}(,@[a-z]{1,3}){0,2}:");
    (route, local, host, any::<bool>()).prop_map(|(route, local, host, bare)| {
        let path = format!("{}{local}@{host}", route.unwrap_or_default());
        let path = if bare { path } else { format!("<{path}>") };
        path.into_bytes()
    })
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(argument in argument(), value in argument()) {
        for mta in [Mta::Postfix, Mta::Sendmail, Mta::Unknown] {
            let macros = MtaMacros { mta, resolved: Some(&value), from: Some(&value) };
            let _ = reverse_path(&argument, macros, &local(), HOST);
            let _ = recipient(&argument, macros, &local(), HOST);
        }
    }

    /// The lenient reading of a path that RFC 5321 parses is the same address.
    #[test]
    fn a_good_path_reads_alike(path in path()) {
        let strict = strict::path(&path);
        prop_assert!(strict.is_some(), "{}", path.escape_ascii());
        let (strict, lenient) = (strict.flatten().unwrap(), read(&path, &local()).unwrap());
        prop_assert_eq!(strict.local_unquoted(), lenient.local_unquoted());
        prop_assert_eq!(strict.host(), lenient.host());
    }

    /// So is that of whatever else happens to be one.
    #[test]
    fn whatever_parses_reads_alike(argument in argument()) {
        if let Some(strict) = strict::path(&argument) {
            let lenient = read(&argument, &local());
            let parts = |mailbox: &Mailbox| (mailbox.local_unquoted(), mailbox.host().clone());
            prop_assert_eq!(strict.as_ref().map(parts), lenient.as_ref().map(parts));
        }
    }

    /// What was read is an address that RFC 5321 parses, or one whose host is none; and it reads as itself.
    #[test]
    fn a_reading_is_final(argument in argument()) {
        let macros = MtaMacros::default();
        let once = recipient(&argument, macros, &local(), HOST);
        if once.domain().is_some() && !once.local().is_empty() {
            let again = recipient(&once.to_bytes(), macros, &local(), HOST);
            prop_assert_eq!(once.local_unquoted(), again.local_unquoted());
            prop_assert_eq!(once.host(), again.host());
        }
    }
}
