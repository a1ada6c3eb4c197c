//! What a returned message says about the hosts that it passed, where weak evidence counts.

use super::{
    course::course,
    sent::{BOUNCE, DSN, Sent},
};
use crate::core::{message::Answer, outside::Outside, spf::SpfResult};

#[test]
fn hosts_of_ours_speak_for_a_returned_message() {
    let accept = "accept weak_evidence";
    let reject = "reject unproven, hit Unproven, sample";
    let ours = "jane@example.org";
    let theirs = "x@y.example";
    let from = |hops: &[&str]| {
        hops.iter()
            .map(|hop| format!("Received: {hop}\n"))
            .collect()
    };
    let rows: [(&str, String, &str, &str); 15] = [
        (theirs, from(&[]), "", reject),
        // A relay of ours: by its network, its HELO, or the name it calls itself.
        (theirs, from(&["from a (a [10.1.1.1]) by b"]), "", accept),
        (theirs, from(&["from a (a [192.0.2.7]) by b"]), "", reject),
        (theirs, from(&["from a (a [127.0.0.1]) by b"]), "", reject),
        (
            theirs,
            from(&["from mx.example.org (a [192.0.2.7]) by b"]),
            "",
            accept,
        ),
        (
            theirs,
            from(&["from a (a [192.0.2.7]) by mx.example.org"]),
            "",
            accept,
        ),
        (
            theirs,
            from(&["from a (a [10.1.1.1]) by b", "from a (a [192.0.2.7]) by b"]),
            "",
            accept,
        ),
        // SPF of who it says it is from, if that is us.
        (
            ours,
            from(&["from a (a [192.0.2.7]) by b"]),
            "192.0.2.7",
            accept,
        ),
        (
            theirs,
            from(&["from a (a [192.0.2.7]) by b"]),
            "192.0.2.7",
            reject,
        ),
        (
            ours,
            from(&["from a (a [192.0.2.7]) by b"]),
            "192.0.2.8",
            reject,
        ),
        (
            ours,
            from(&["from a (a [172.16.0.1]) by b"]),
            "172.16.0.1",
            reject,
        ),
        (
            ours,
            from(&["by c", "from a (a [192.0.2.7]) by b"]),
            "192.0.2.7",
            accept,
        ),
        // The first three addresses, each once.
        (
            ours,
            from(&[
                "from a (a [192.0.2.1]) by b",
                "from a (a [192.0.2.2]) by b",
                "from a (a [192.0.2.3]) by b",
            ]),
            "192.0.2.3",
            accept,
        ),
        (
            ours,
            from(&[
                "from a (a [192.0.2.1]) by b",
                "from a (a [192.0.2.2]) by b",
                "from a (a [192.0.2.3]) by b",
                "from a (a [192.0.2.4]) by b",
            ]),
            "192.0.2.4",
            reject,
        ),
        (
            ours,
            from(&[
                "from a (a [192.0.2.1]) by b",
                "from a (a [192.0.2.1]) by b",
                "from a (a [192.0.2.1]) by b",
                "from a (a [192.0.2.4]) by b",
            ]),
            "192.0.2.4",
            accept,
        ),
    ];
    for (from, received, passes, expected) in rows {
        let word = format!("spf of {passes}");
        let answers = [(word.as_str(), Answer::SpfResult(SpfResult::Pass))];
        let found = course(bounce(&received, from), &["any@example.org"], &answers);
        assert_eq!(found, expected, "{from} {passes}\n{received}");
    }
    // Had DNS answered, it might have passed.
    let received = from(&["from a (a [192.0.2.7]) by b"]);
    for silent in [
        Answer::Unanswered(Outside::Dns),
        Answer::SpfResult(SpfResult::Temperror),
    ] {
        let answers = [("spf of 192.0.2.7", silent)];
        let found = course(bounce(&received, ours), &["any@example.org"], &answers);
        assert_eq!(found, "tempfail unproven");
    }
}

fn bounce(received: &str, from: &str) -> Sent {
    let body = format!(
        "--b\n\nSorry.\n--b\nContent-Type: message/rfc822\n\n\
         {received}From: {from}\nMessage-ID: <2@y.example>\n\nhello\n\n--b--\n"
    );
    Sent {
        site: (
            "unproven_replies_with_sender: reject",
            "unproven_replies_with_sender: reject\n  unproven: reject\n  weak_evidence: accept",
        ),
        headers: DSN,
        body: Box::leak(body.into_boxed_str()),
        ..BOUNCE
    }
}
