//! The lines of the table: each reason for which something is refused, and the key that spares it.

use super::super::sent::{BOUNCE, DSN, MAIL, Sent};
use crate::core::{siege::State, spf::SpfResult};

pub(super) const PLAIN: &str =
    "From: bob@friend.example\nSubject: spam\nMessage-ID: <m@friend.example>\n";
const REPORT: &str = "From: bob@friend.example\nSubject: complaint\n\
    Content-Type: multipart/report; report-type=feedback-report; boundary=b\n";
const REPLY: &str = "From: bob@friend.example\nSubject: Re: hello\nAuto-Submitted: auto-replied\n\
    In-Reply-To: <1@example.org>\n";

/// As the site has it.
const CATCH_ALL: &str = "catch_all: {mail: accept, bounces: accept}";

/// A message, and the rule that it meets alone.
pub(super) struct Line {
    /// What stands in the file in place of something else.
    pub(super) site: &'static [(&'static str, &'static str)],
    pub(super) sent: Sent,
    pub(super) recipients: &'static [&'static str],
    pub(super) listed: bool,
    pub(super) wrong_tags: u32,
    /// The action and the reason.
    pub(super) would: &'static str,
    /// The key that spares it; empty where none does.
    pub(super) key: &'static str,
}

pub(super) const LINE: Line = Line {
    site: &[],
    sent: MAIL,
    recipients: &["any@example.org"],
    listed: false,
    wrong_tags: 0,
    would: "",
    key: "",
};

pub(super) fn lines() -> Vec<Line> {
    let mail = |spf| Sent {
        spf,
        headers: PLAIN,
        ..MAIL
    };
    let bounce = |headers| Sent { headers, ..BOUNCE };
    let besieged = |sent| Sent {
        siege: State::Siege,
        ..sent
    };
    let (client, forwarder, bounces) = (
        "exempt.clients",
        "spf.trusted_forwarders",
        "null_sender.exempt.clients",
    );
    let (fail, pass) = (SpfResult::Fail, SpfResult::Pass);
    let claims = Sent {
        headers: "From: jane@example.org\nSubject: hello\n",
        ..mail(pass)
    };
    let site = |site, sent, would, key| Line {
        site,
        sent,
        would,
        key,
        ..LINE
    };
    vec![
        site(&[], mail(fail), "reject spf_helo_fail", forwarder),
        site(
            &[("spf:\n", "spf:\n  helo: {fail: accept}\n")],
            mail(fail),
            "reject spf_fail",
            forwarder,
        ),
        site(
            &[("{fail: reject}", "{softfail: tempfail}")],
            mail(SpfResult::Softfail),
            "tempfail spf_softfail",
            forwarder,
        ),
        site(
            &[],
            mail(SpfResult::Temperror),
            "tempfail spf_temperror",
            "spf.domains",
        ),
        site(
            &[(
                "{fail: reject}",
                "{permerror: reject}\n  domains: {friend.example: {fail: reject, permerror: reject}}",
            )],
            mail(SpfResult::Permerror),
            "reject spf_permerror",
            "spf.domains",
        ),
        site(
            &[],
            Sent {
                from: "jane@example.org",
                ..mail(SpfResult::None)
            },
            "reject mail_from_forged",
            forwarder,
        ),
        site(
            &[("header_from: accept", "header_from: reject")],
            claims,
            "reject header_from_forged",
            "forgery.mailing_lists",
        ),
        site(
            &[("header_from: accept", "header_from: reject")],
            Sent {
                spf: SpfResult::None,
                ..claims
            },
            "reject header_from_forged",
            forwarder,
        ),
        Line {
            recipients: &["jane@example.org", "any@example.org"],
            ..site(
                &[],
                bounce(DSN),
                "tempfail null_sender_extra_recipient",
                bounces,
            )
        },
        site(
            &[(
                "null_sender: {",
                "null_sender: {never_send: [any@example.org], ",
            )],
            bounce(DSN),
            "reject never_sends",
            bounces,
        ),
        site(
            &[(CATCH_ALL, "catch_all: {mail: quarantine, bounces: accept}")],
            mail(pass),
            "quarantine catch_all_mail",
            "recipients.known",
        ),
        site(
            &[(CATCH_ALL, "unknown: {mail: reject, bounces: reject}")],
            bounce(DSN),
            "reject unknown_bounce",
            "recipients.known",
        ),
        site(
            &[
                (CATCH_ALL, "unknown: {mail: reject, bounces: reject}"),
                (
                    "    known: [{addresses: [jane]}]\n",
                    "    rules: [{match: xyz}]\n",
                ),
            ],
            mail(pass),
            "reject unknown_mail",
            "recipients.known",
        ),
        site(
            &[
                (
                    CATCH_ALL,
                    "rules: [{match: 'a.y', mail: discard}]\n    catch_all: {}",
                ),
                ("{addresses: [jane]}", "{file: /etc/backstop/recipients}"),
            ],
            mail(pass),
            "discard rule_mail",
            "recipients.known",
        ),
        Line {
            listed: true,
            ..site(
                &[("zone: bl.example", "zone: bl.example, action: reject")],
                bounce(DSN),
                "reject dnsbl",
                bounces,
            )
        },
        site(
            &[(
                "null_sender: {",
                "null_sender: {not_a_notification: reject, ",
            )],
            bounce(PLAIN),
            "reject not_a_notification",
            bounces,
        ),
        site(
            &[],
            bounce(REPORT),
            "reject unauthenticated_report",
            bounces,
        ),
        site(
            &[("dkim2: true}", "dkim2: true}\n  unproven: reject")],
            bounce(DSN),
            "reject unproven",
            bounces,
        ),
        site(
            &[
                ("batv: {sign: true", "batv: {sign: true, required: true"),
                ("dkim2: true}", "dkim2: true}\n  unproven: reject"),
            ],
            bounce(DSN),
            "reject unproven",
            bounces,
        ),
        Line {
            recipients: &["prvs=0123abcdef=any@example.org"],
            ..site(&[], bounce(DSN), "reject batv_wrong", bounces)
        },
        Line {
            recipients: &["prvs=0123abcdef=any@example.org"],
            wrong_tags: 3,
            ..site(&[], bounce(DSN), "tempfail batv_guessed", bounces)
        },
        site(&[], mail(pass).with(REPLY), "reject unproven", bounces),
        site(
            &[(
                "dnsbl:",
                "headers: [{header: Subject, match: spam, when: always, action: reject}]\ndnsbl:",
            )],
            mail(pass),
            "reject header_rule",
            client,
        ),
        site(
            &[],
            besieged(mail(pass)),
            "reject siege_catch_all_mail",
            "recipients.known",
        ),
        Line {
            recipients: &["jane@example.org"],
            ..site(&[], besieged(bounce(DSN)), "reject siege_unproven", bounces)
        },
        Line {
            recipients: &["jane@example.org"],
            listed: true,
            ..site(&[], besieged(bounce(DSN)), "reject siege_listed", bounces)
        },
        Line {
            recipients: &["jane@example.org", "jane+x@example.org"],
            ..site(
                &[("siege: {", "siege: {unproven: accept, ")],
                besieged(bounce(DSN)),
                "reject siege_extra_recipient",
                bounces,
            )
        },
        // A client whose address the MTA does not know, and a list that can't be read: no entry helps.
        site(
            &[],
            Sent {
                client: "unknown",
                ..mail(SpfResult::None)
            },
            "tempfail client_unknown",
            "",
        ),
        site(
            &[(CATCH_ALL, "unknown: {mail: reject, bounces: reject}")],
            Sent {
                missing: "known",
                ..mail(pass)
            },
            "tempfail directory_unavailable",
            "",
        ),
    ]
}

impl Sent {
    fn with(self, headers: &'static str) -> Self {
        Self { headers, ..self }
    }
}
