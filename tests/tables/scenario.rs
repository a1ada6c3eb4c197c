//! The one builder of all tables: a message to one recipient, and the answer to whatever is asked about it.

mod judging;
mod site;
mod words;

use std::borrow::Cow;

use backstop::core::{
    dnsbl::Listing,
    outside::Outside,
    policy::{Policy, Tag, Vouched, WasLearned},
    proof::{
        ProofKind,
        evidence::{Evidence, ProofFinding, ProofResult},
    },
    recipients::Known,
    spf::SpfResult,
    tenant::TenantAnswers,
};

pub use site::{keys, policy, policy_with_keys, tagged, wrong};
pub use words::{answer, words};

/// Days since 1970; the last three digits, which stand in tags, are about to come round.
pub const TODAY: u64 = 20_997;

/// Yes, no, or what did not answer.
pub type YesOrNo = Result<bool, Outside>;

/// A message to one recipient, and all answers about it.
#[derive(Clone, Debug)]
pub struct Scenario {
    client: String,
    has_login: bool,
    helo: String,
    from: String,
    to: String,
    is_refused: bool,
    earlier: usize,
    helo_spf: SpfResult,
    mail_from_spf: SpfResult,
    forwarder: Vouched<String>,
    listings: Vec<Listing>,
    listed: Vec<&'static str>,
    unlisted: Known,
    tag: Option<Tag>,
    wrong_before: u32,
    sent_with_tag: YesOrNo,
    signatures_left: YesOrNo,
    is_besieged: bool,
    learned: WasLearned,
    tenant: Option<TenantAnswers>,
    headers: String,
    evidence: Evidence,
    sent_lately: YesOrNo,
    author: Vouched<String>,
    settings: Vec<fn(&mut Policy)>,
}

/// Mail of a stranger; SPF passes, and nothing else speaks for or against it.
pub fn mail() -> Scenario {
    Scenario {
        client: "192.0.2.1".to_owned(),
        has_login: false,
        helo: "mx.example.com".to_owned(),
        from: "user@example.com".to_owned(),
        to: "info@example.org".to_owned(),
        is_refused: false,
        earlier: 0,
        helo_spf: SpfResult::None,
        mail_from_spf: SpfResult::Pass,
        forwarder: Vouched::No,
        listings: Vec::new(),
        listed: Vec::new(),
        unlisted: Known::NotListed,
        tag: None,
        wrong_before: 0,
        sent_with_tag: Ok(false),
        signatures_left: Ok(false),
        is_besieged: false,
        learned: WasLearned::No,
        tenant: None,
        settings: Vec::new(),
        headers: "From: user@example.com\nSubject: hello\n".to_owned(),
        evidence: Evidence::default(),
        sent_lately: Ok(false),
        author: Vouched::No,
    }
}

/// The same with the null sender, and the headers of a bounce.
pub fn bounce() -> Scenario {
    mail().from("").headers(DSN)
}

/// Headers of a bounce by RFC 3464.
pub const DSN: &str = "From: Mail Delivery System <MAILER-DAEMON@mx.example.com>\n\
    Subject: Undelivered Mail Returned to Sender\nAuto-Submitted: auto-replied\n\
    Content-Type: multipart/report; report-type=delivery-status; boundary=b\n";

/// The envelope.
impl Scenario {
    /// Who hands it over: an address, `this host`, or anything else for a client whose address the MTA does not know.
    pub fn client(self, client: &str) -> Self {
        let client = client.to_owned();
        Self { client, ..self }
    }

    /// The client logged in.
    pub fn login(self) -> Self {
        let has_login = true;
        Self { has_login, ..self }
    }

    pub fn helo(self, helo: &str) -> Self {
        let helo = helo.to_owned();
        Self { helo, ..self }
    }

    /// MAIL FROM; empty for the null sender.
    pub fn from(self, from: &str) -> Self {
        let from = from.to_owned();
        Self { from, ..self }
    }

    /// RCPT TO.
    pub fn to(self, to: impl Into<String>) -> Self {
        let to = to.into();
        Self { to, ..self }
    }

    /// The MTA refused the recipient itself, and told us.
    pub fn refused_by_mta(self) -> Self {
        let is_refused = true;
        Self { is_refused, ..self }
    }

    /// How many recipients of the message were accepted before.
    pub fn earlier(self, earlier: usize) -> Self {
        Self { earlier, ..self }
    }
}

/// What DNS, the directory, the store and the siege say.
impl Scenario {
    /// SPF of HELO, which is also that of the null sender (RFC 7208 section 2.4).
    pub fn helo_spf(self, helo_spf: SpfResult) -> Self {
        Self { helo_spf, ..self }
    }

    /// SPF of MAIL FROM, where that is no null sender.
    pub fn spf(self, mail_from_spf: SpfResult) -> Self {
        Self {
            mail_from_spf,
            ..self
        }
    }

    /// Whether the client may send for a domain in `spf.trusted_forwarders`.
    pub fn forwarder(self, forwarder: Vouched<String>) -> Self {
        Self { forwarder, ..self }
    }

    /// What the first lists of `dnsbl` say of the client; the others have it not.
    pub fn listings(self, listings: &[Listing]) -> Self {
        let listings = listings.to_vec();
        Self { listings, ..self }
    }

    /// All lists in `dnsbl` have the client.
    pub fn blocklisted(self) -> Self {
        let listed = Listing::Listed([127, 0, 0, 2].into());
        self.listings(&vec![listed; 8])
    }

    /// The local parts that the lists of recipients have.
    pub fn listed(self, local_parts: &[&'static str]) -> Self {
        let listed = local_parts.to_vec();
        Self { listed, ..self }
    }

    /// The row of the recipient's domain in `tenants`.
    pub fn tenant(self, row: &TenantAnswers) -> Self {
        let tenant = Some(row.clone());
        Self { tenant, ..self }
    }

    /// What the lists of recipients say of all others.
    pub fn known(self, unlisted: Known) -> Self {
        Self { unlisted, ..self }
    }

    /// What the tag of the recipient says; otherwise it is read in the address.
    pub fn tag(self, tag: impl Into<Option<Tag>>) -> Self {
        let tag = tag.into();
        Self { tag, ..self }
    }

    /// Whether [`tag`](Self::tag) said so.
    pub fn has_tag(&self) -> bool {
        self.tag.is_some()
    }

    /// How many wrong tags the client sent within the hour.
    pub fn wrong_before(self, wrong_before: u32) -> Self {
        Self {
            wrong_before,
            ..self
        }
    }

    /// Whether the ledger has mail that was sent from this very address, tag and all.
    pub fn sent_with_tag(self, sent_with_tag: YesOrNo) -> Self {
        Self {
            sent_with_tag,
            ..self
        }
    }

    /// Whether DKIM signatures of ours were seen on outgoing mail lately.
    pub fn signatures_left(self, signatures_left: YesOrNo) -> Self {
        Self {
            signatures_left,
            ..self
        }
    }

    /// Whether the ledger has mail of the recipient's.
    pub fn sent_lately(self, sent_lately: YesOrNo) -> Self {
        Self {
            sent_lately,
            ..self
        }
    }

    /// Whether the recipient was learned, which matters under siege alone.
    pub fn learned(self, learned: WasLearned) -> Self {
        Self { learned, ..self }
    }

    /// Whether the recipient's domain is besieged.
    pub fn siege(self, is_besieged: bool) -> Self {
        Self {
            is_besieged,
            ..self
        }
    }

    /// It is, and whether the recipient was learned.
    pub fn besieged(self, learned: WasLearned) -> Self {
        self.siege(true).learned(learned)
    }
}

/// The message itself.
impl Scenario {
    /// One a line; what is folded goes on in the next.
    pub fn headers(self, headers: &str) -> Self {
        let headers = headers.to_owned();
        Self { headers, ..self }
    }

    /// What comes of looking for a proof in its content, which is the only one that is looked for.
    pub fn found(self, kind: ProofKind, result: ProofResult) -> Self {
        self.findings(&[(kind, result)])
    }

    /// The same of several, in their order.
    pub fn findings(self, findings: &[(ProofKind, ProofResult)]) -> Self {
        let findings = findings.iter().map(|&(kind, result)| ProofFinding {
            kind,
            result,
            text: String::new(),
        });
        let evidence = Evidence {
            findings: findings.collect(),
            ..self.evidence
        };
        Self { evidence, ..self }
    }

    /// All else that its content shows.
    pub fn evidence(self, evidence: Evidence) -> Self {
        let findings = self.evidence.findings;
        let evidence = Evidence {
            findings,
            ..evidence
        };
        Self { evidence, ..self }
    }

    /// A part of its content says what became of a message; `delivery`: and that it could not be delivered.
    pub fn status_part(self, delivery: bool) -> Self {
        let status = true;
        let evidence = self.evidence.clone();
        self.evidence(Evidence {
            status,
            delivery,
            ..evidence
        })
    }

    /// Whether a signature of its author's domain vouches for it.
    pub fn author(self, author: Vouched<String>) -> Self {
        Self { author, ..self }
    }
}

impl Scenario {
    /// The file says so; it goes beyond what the policy has that it is given to.
    pub fn with_policy(mut self, setting: fn(&mut Policy)) -> Self {
        self.settings.push(setting);
        self
    }

    fn policy<'a>(&self, policy: &'a Policy) -> Cow<'a, Policy> {
        let mut policy = Cow::Borrowed(policy);
        for setting in &self.settings {
            setting(policy.to_mut());
        }
        policy
    }
}
