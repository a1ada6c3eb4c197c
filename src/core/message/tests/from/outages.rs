//! No answer that does not come costs our mail.

use super::*;

#[test]
fn no_outage_costs_our_mail() {
    use SignatureResult::Whole;
    let to_list: &[&str] = &["dev@lists.friend.example"];
    let from = "From: jane@example.org\nTo: joe@example.org\n";
    let below = "DKIM-Signature: v=1; d=news.example.org; s=s1; h=from:to\n";
    let (later, tagged) = ("tempfail header_from_forged", "tag header_from_forged");
    let off = |chain: Chain| chain.site("ledger: {remember: true}", "");
    holds([
        (
            "the key",
            off(chain(SERVICE, &[from, SIGNED])).signed("example.org", unanswered(), JOE),
            later,
            "read dmarc signatures",
            "temperror",
        ),
        (
            "one of two keys, and the other verifies",
            off(chain(SERVICE, &[from, SIGNED, SIGNED]))
                .signed("example.org", unanswered(), JOE)
                .signed("example.org", Whole, JOE),
            ACCEPTED,
            "read dmarc signatures",
            "pass",
        ),
        (
            "all signatures",
            off(chain(SERVICE, &[from, SIGNED])).down("signatures"),
            later,
            "read dmarc signatures",
            "temperror",
        ),
        (
            "the record, which would align a subdomain",
            off(chain(SERVICE, &[from, below])).down("dmarc"),
            later,
            "dmarc",
            "temperror",
        ),
        (
            "the record, which says nothing of the domain itself",
            off(chain(SERVICE, &[from, SIGNED]))
                .signed("example.org", Whole, JOE)
                .down("dmarc"),
            ACCEPTED,
            "read dmarc signatures",
            "temperror",
        ),
        (
            "the record, which would align SPF",
            off(chain("a@news.example.org", &[from])).down("dmarc"),
            later,
            "dmarc",
            "temperror",
        ),
        (
            "SPF of our own",
            off(chain("a@example.org", &[from])).spf(Temperror),
            later,
            "dmarc",
            "temperror",
        ),
        (
            "SPF of our own, and a signature verifies",
            off(chain("a@example.org", &[from, SIGNED]))
                .spf(Temperror)
                .signed("example.org", Whole, JOE),
            ACCEPTED,
            "read dmarc signatures",
            "pass",
        ),
        (
            "SPF of a stranger, who may not claim us anyway",
            off(chain("a@evil.example", &[from])).spf(Temperror),
            FORGED,
            "dmarc",
            "fail",
        ),
        (
            "SPF of a list that we sent to",
            chain(LIST, &[POST])
                .sent("jane@example.org", to_list)
                .spf(Temperror),
            later,
            "dmarc ledger",
            "fail",
        ),
        (
            "the ledger",
            chain(LIST, &[POST])
                .sent("jane@example.org", to_list)
                .down("ledger"),
            tagged,
            "dmarc ledger",
            "fail",
        ),
        (
            "the ledger, and a signature verifies",
            chain(LIST, &[POST, SIGNED])
                .signed("example.org", Whole, JOE)
                .down("ledger"),
            ACCEPTED,
            "read dmarc ledger signatures",
            "pass",
        ),
    ]);
}
