//! Who sent what a bounce returns.

use super::*;

/// What a bounce that proves nothing returns says who sent it; one that is ours says nothing of anybody.
#[test]
fn the_origin_of_what_it_returns_is_counted() {
    let (returned, _) = Headers::parse(
        b"Received: from pc.bot.example (unknown [203.0.113.9]) by mx.far.example (Postfix)\r\n\
          Subject: Invoice 17\r\n\r\n",
    );
    let mut envelope = envelope("192.0.2.7", "");
    envelope.client.name = "mx.far.example".parse().ok();
    let recipient = Mailbox::from_bytes(b"joe@example.org");
    let origins = |verdict: &Verdict| -> Vec<String> {
        let counts = policy().attack(&envelope, &recipient, verdict, Some(&returned));
        let of_origin = |kind| {
            !matches!(
                kind,
                AttackKind::Reason
                    | AttackKind::Proof
                    | AttackKind::Host
                    | AttackKind::Network
                    | AttackKind::Recipient
            )
        };
        let counts = counts.into_iter().filter(|count| of_origin(count.kind));
        counts.map(|count| count.text).collect()
    };
    let counted = origins(&rejected(Mode::Enforce));
    assert_eq!(
        counted[..2],
        [
            "203.0.113.9 reported 192.0.2.0/24",
            "203.0.113.9 pc.bot.example"
        ]
    );
    assert_eq!(counted.len(), 3);
    let mut genuine = Verdict::accept(Reason::NothingFound);
    genuine.proof = Some(Outcome::by(ProofKind::Ledger));
    assert_eq!(origins(&genuine), [] as [String; 0]);
}
