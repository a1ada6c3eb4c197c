use proptest::prelude::*;

use super::*;

const OURS: &str = "10.0.0.0/8";

/// What was found: `address helo`, with `+login` where the client had logged in.
fn found(received: &[&str]) -> String {
    let mut headers = Headers::new();
    for value in received {
        headers.push(b"Received", value.as_bytes());
    }
    match client(&headers, &[OURS.parse().unwrap()]) {
        Ok(client) => {
            let address = client.address.map(|address| address.to_string());
            let helo = client.helo.map(|helo| helo.escape_ascii().to_string());
            let login = client.login.map_or("", |_| " +login");
            format!(
                "{} {}{login}",
                address.as_deref().unwrap_or("-"),
                helo.as_deref().unwrap_or("-")
            )
        }
        Err(why) => why.to_owned(),
    }
}

#[test]
fn one_hop() {
    for (received, expected) in [
        // Postfix.
        (
            "from mx.example.com (mail.example.com [192.0.2.1])\r\n\tby mx.example.org (Postfix) with ESMTPS id 4X\r\n\
             \tfor <joe@example.org>; Mon,  1 Jan 2024 00:00:00 +0000 (UTC)",
            "192.0.2.1 mx.example.com",
        ),
        (
            "from [10.9.9.9] (unknown [IPv6:2001:db8::1]) by x (Postfix) with ESMTP id 4X; date",
            "2001:db8::1 [10.9.9.9]",
        ),
        (
            "from pc (dsl.example.net [192.0.2.9])\n\t(using TLSv1.3 with cipher X (256/256 bits))\n\t\
             (No client certificate requested)\n\t(Authenticated sender: joe)\n\tby x (Postfix) with ESMTPSA id 1; d",
            "192.0.2.9 pc +login",
        ),
        // A HELO name that looks like a clause, and a name that looks like a login.
        (
            "from by (authenticated.example [192.0.2.3]) by x with ESMTP id 1; d",
            "192.0.2.3 by",
        ),
        // Sendmail.
        (
            "from mail.example.com (mail.example.com [192.0.2.1] (may be forged)) by x (8.17.1/8.17.1) with ESMTP id 3; d",
            "192.0.2.1 mail.example.com",
        ),
        (
            "from pc (ident@[198.51.100.1].example [IPv6:2001:db8::2]) (authenticated bits=0) by x with ESMTPSA; d",
            "2001:db8::2 pc +login",
        ),
        // Exim.
        (
            "from mail.example.com ([192.0.2.1] helo=[10.1.1.1])\n\tby x with esmtps  (TLS1.3) tls X (Exim 4.96) id 1; d",
            "192.0.2.1 [10.1.1.1]",
        ),
        (
            "from mail.example.com ([192.0.2.1]:4711) by x with esmtp (Exim 4.96) id 1; d",
            "192.0.2.1 mail.example.com",
        ),
        (
            "from [192.0.2.1] (port=4711 helo=pc ident=x) by x with esmtpsa (Exim 4.96) id 1; d",
            "192.0.2.1 pc +login",
        ),
        (
            "from [192.0.2.1] by x with smtp id 1; d",
            "192.0.2.1 [192.0.2.1]",
        ),
        // qmail, Exchange, OpenSMTPD.
        (
            "from unknown (HELO pc.example) (joe@192.0.2.1)\n  by x with SMTP; d",
            "192.0.2.1 pc.example",
        ),
        (
            "from mx.example.com (192.0.2.1) by x (192.0.2.77) with Microsoft SMTP Server id 15; d",
            "192.0.2.1 mx.example.com",
        ),
        (
            "from mx.example.com (<unknown> [192.0.2.1]) by x (OpenSMTPD) with ESMTP id 1; d",
            "192.0.2.1 mx.example.com",
        ),
        (
            "from a (b [::ffff:192.0.2.1]) by x with ESMTP; d",
            "192.0.2.1 a",
        ),
        // Ours, and on the way to the mailbox.
        (
            "from pc (pc [10.0.0.7]) by x with ESMTP id 1; d",
            "10.0.0.7 pc",
        ),
        (
            "from localhost (localhost [127.0.0.1]) by x with ESMTP id 1; d",
            "- localhost",
        ),
        ("by x (Postfix, from userid 1000) id 1; d", "- -"),
        ("from joe by x with local (Exim 4.96) id 1; d", "- -"),
        (
            "(qmail 17 invoked by uid 1000); 1 Jan 2024 00:00:00 -0000",
            "- -",
        ),
        (
            "from x.example.org by x.example.org with LMTP id 1; d",
            "no Received names a client",
        ),
        // Nothing to be had.
        (
            "from a by x with ESMTP id 1; d",
            "a Received above any stranger's names no client address",
        ),
        (
            "from a (b [not an address]) by x with ESMTP; d",
            "a Received above any stranger's names no client address",
        ),
        (
            "from a (b [192.0.2.1",
            "a Received above any stranger's names no client address",
        ),
        (
            "from",
            "a Received above any stranger's names no client address",
        ),
        ("", "no Received names a client"),
    ] {
        assert_eq!(found(&[received]), expected, "{received}");
    }
    assert_eq!(found(&[]), "there is no Received");
}

#[test]
fn strangers_begin_where_our_hops_end() {
    let stranger =
        "from mx.example.com (mx.example.com [192.0.2.1]) by mx.example.org with ESMTP id 1; d";
    let theirs =
        "from victim.example (victim.example [198.51.100.9]) by mx.example.com with ESMTP id 1; d";
    for above in [
        &[][..],
        &["from mx.example.org (mx [10.0.0.1]) by store with ESMTP id 2; d"],
        &["from mx.example.org ([203.0.113.5]) by store with LMTP id 2; d"],
        &[
            "from localhost (localhost [127.0.0.1]) by x (Postfix) with ESMTP id 3; d",
            "from x ([127.0.0.1]) by localhost (amavis [127.0.0.1]) (amavisd-new, port 10024) with ESMTP id 2; d",
        ],
        &["(qmail 17 invoked from network); d"],
        &["by x (Postfix, from userid 99) id 2; d"],
    ] {
        let all = [above, &[stranger, theirs]].concat();
        assert_eq!(found(&all), "192.0.2.1 mx.example.com", "{above:?}");
    }
    let unclear = ["from a by b with ESMTP; d", stranger];
    assert_eq!(
        found(&unclear),
        "a Received above any stranger's names no client address"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read(
        pieces in proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(vec![
                    "from ", "by ", "with ", "ESMTP", "(", ")", "[", "]", "192.0.2.1", "IPv6:", "helo=", "HELO ", "\\", ";", " ",
                    "\"", "@", "::1", "\n ",
                ])
                .prop_map(|piece| piece.as_bytes().to_vec()),
                proptest::collection::vec(any::<u8>(), 0..3),
            ],
            0..40,
        ),
    ) {
        let mut headers = Headers::new();
        headers.push(b"Received", &pieces.concat());
        let _ = client(&headers, &[]);
    }
}
