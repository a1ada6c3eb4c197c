//! What is well-formed, but can't work or would be dangerous. All of it is told at once.

mod dnsbl;
mod forgery;
mod headers;
mod observe;
mod proof;
mod report;
mod siege;

use super::{diagnostic::Mistake, file::File, findings::Findings, outline::Outline, path::Path};
use crate::{
    core::{
        address::{Domain, Mailbox},
        exempt::Exemptions,
        network::Network,
        pattern::{AddressPattern, DomainPattern},
        spf_rules::Forwarder,
    },
    dns::{LARGEST_CACHE, LONGEST_BUDGET, SHORTEST_TIMEOUT},
    milter::Address,
};

/// Each costs its part of the budget when those before it are silent.
const MOST_NAMESERVERS: usize = 8;
/// Each costs an SPF check for a message that nobody else vouches for.
const MOST_FORWARDER_DOMAINS: usize = 20;

/// Looks at every section but `recipients`.
pub(super) fn of(file: &File, outline: &Outline) -> Vec<Mistake> {
    let mut checks = Checks {
        file,
        outline,
        findings: Findings::new(outline),
    };
    checks.socket();
    checks.dns();
    checks.local();
    checks.forwarders();
    checks.forgery();
    checks.never_send();
    checks.dnsbl();
    checks.headers();
    checks.proof();
    checks.report();
    checks.siege();
    checks.observe();
    checks.exemptions(&Path::of(&["exempt"]), &file.exempt);
    checks.exemptions(
        &Path::of(&["null_sender", "exempt"]),
        &file.null_sender.exempt,
    );
    checks.findings.into_mistakes()
}

struct Checks<'a> {
    file: &'a File,
    outline: &'a Outline,
    findings: Findings<'a>,
}

impl Checks<'_> {
    fn socket(&mut self) {
        let options = &self.file.socket;
        if matches!(self.file.listen, Address::Unix(_)) {
            // connect(2) takes the permission to write; without a mode it is the umask that says, and most forbid it.
            let (place, shared): (&[_], _) = match options.mode {
                Some(mode) => (&["socket", "mode"], mode.0 & 0o022 != 0),
                None => (&["listen"], false),
            };
            if !shared && options.user.is_none() {
                self.findings.warning(
                    &Path::of(place),
                    "nobody but our own user may open the socket file, so the MTA can't".to_owned(),
                    "let its group in: `socket: {mode: 0660, group: postfix}`",
                );
            }
            return;
        }
        for (key, set) in [
            ("mode", options.mode.is_some()),
            ("user", options.user.is_some()),
            ("group", options.group.is_some()),
        ] {
            if set {
                self.findings.error(
                    &Path::of(&["socket", key]),
                    format!(
                        "`socket.{key}` is for a socket file, but `listen` is {}",
                        self.file.listen
                    ),
                    "take it out, or listen on a file: `listen: unix:/run/backstop/backstop.sock`",
                );
            }
        }
    }

    fn dns(&mut self) {
        let dns = &self.file.dns;
        let at = |key| Path::of(&["dns", key]);
        if dns.nameservers.len() > MOST_NAMESERVERS {
            self.findings.error(
                &at("nameservers"),
                format!("{} name servers are more than {MOST_NAMESERVERS}", dns.nameservers.len()),
                "two or three are enough; with many silent ones the time is up before the good one is asked",
            );
        }
        if dns.budget > LONGEST_BUDGET {
            self.findings.error(
                &at("budget"),
                format!("`dns.budget` is {}, more than {LONGEST_BUDGET}", dns.budget),
                "Postfix gives up on a milter after 30s; the default, 8s, is enough for working DNS",
            );
        }
        if dns.timeout < SHORTEST_TIMEOUT {
            self.findings.error(
                &at("timeout"),
                format!(
                    "`dns.timeout` is {}, less than {SHORTEST_TIMEOUT}",
                    dns.timeout
                ),
                "no name server far away answers in that time; the default is 2s",
            );
        } else if dns.timeout > dns.budget {
            self.findings.error(
                &at("timeout"),
                format!("`dns.timeout` ({}) is longer than `dns.budget` ({})", dns.timeout, dns.budget),
                "the budget is for all questions of one message; a timeout of a quarter of it leaves time for another try",
            );
        }
        if dns.cache > LARGEST_CACHE {
            self.findings.error(
                &at("cache"),
                format!("`dns.cache` is {}, more than {LARGEST_CACHE}", dns.cache),
                "it counts answers, not bytes; the default, 20000, takes about 10 MB",
            );
        }
    }

    fn local(&mut self) {
        let local = &self.file.local;
        let at = |key| Path::of(&["local", key]);
        if local.domains.is_empty() {
            self.findings.warning(
                &at("domains"),
                "`local.domains` is empty, so forged mail from your own domains is not recognised"
                    .to_owned(),
                "list the domains you receive and send mail for: `local: {domains: [example.org]}`",
            );
        }
        for (index, domain) in local.domains.iter().enumerate() {
            if let DomainPattern::Itself(domain) = domain
                && domain.to_string() == "all"
            {
                self.findings.error(
                    &at("domains").index(index),
                    "`all` stands for all domains together, in `backstop siege` and in the metrics"
                        .to_owned(),
                    "use the full name, such as all.example.org",
                );
            }
            if let DomainPattern::Below(parent) = domain
                && is_single_label(parent)
            {
                self.findings.warning(
                    &at("domains").index(index),
                    format!("`{domain}` makes every domain that ends in {domain} one of yours"),
                    "their mail would be refused as forged; list your own domains by name",
                );
            }
        }
        self.networks(
            &at("networks"),
            &local.networks,
            "no client would be judged",
        );
        for (index, daemon) in local.daemons.iter().enumerate() {
            if daemon.contains('*') {
                self.findings.error(
                    &at("daemons").index(index),
                    format!("`{daemon}` looks like a pattern, but the names of daemons are compared as they stand"),
                    "name each by itself, as `milter_macro_daemon_name` in master.cf does",
                );
            }
            if daemon.is_empty() {
                self.findings.error(
                    &at("daemons").index(index),
                    "the name of an MTA daemon is empty".to_owned(),
                    "expected the value of `milter_macro_daemon_name` in master.cf, such as ORIGINATING",
                );
            }
        }
        if let Some(c) = local
            .recipient_delimiter
            .chars()
            .find(|c| !c.is_ascii_punctuation() || matches!(c, '@' | '"'))
        {
            self.findings.error(
                &at("recipient_delimiter"),
                format!("`{}` can't divide an address from its extension", c.escape_debug()),
                "expected the value that `postconf recipient_delimiter` shows, such as \"+\" or \"+-\", or \"\" for none",
            );
        }
    }

    fn networks(&mut self, path: &Path, networks: &[Network], then: &str) {
        for (index, network) in networks.iter().enumerate() {
            self.network(&path.index(index), network, then);
        }
    }

    /// A network so wide that it holds strangers.
    fn network(&mut self, path: &Path, network: &Network, then: &str) {
        let text = network.to_string();
        let (address, length) = text.split_once('/').unwrap_or((&text, "128"));
        let length: u8 = length.parse().unwrap_or(128);
        // The widest that are anybody's own: 10.0.0.0/8 and fc00::/7.
        let widest = if address.contains(':') { 7 } else { 8 };
        if length == 0 {
            self.findings.error(
                path,
                format!("`{text}` is the whole internet: {then}"),
                "list the networks of the hosts you mean, such as 192.0.2.0/24",
            );
        } else if length < widest {
            self.findings.warning(
                path,
                format!("`{text}` is more than anybody's own network"),
                "check the number behind the `/`; it counts the bits that are the same for all addresses",
            );
        }
    }

    fn forwarders(&mut self) {
        let path = Path::of(&["spf", "trusted_forwarders"]);
        let count = self.file.spf.forwarder_domains().count();
        if count > MOST_FORWARDER_DOMAINS {
            self.findings.error(
                &path,
                format!("{count} domains of forwarders are more than {MOST_FORWARDER_DOMAINS}"),
                "each costs DNS questions for every doubtful message; list large forwarders by their networks",
            );
        }
        for (index, forwarder) in self.file.spf.trusted_forwarders.iter().enumerate() {
            let path = path.index(index);
            match forwarder {
                Forwarder::Network(network) => {
                    self.network(&path, network, "SPF would mean nothing")
                }
                Forwarder::Domain(domain) => self.forwarder_domain(&path, domain),
            }
        }
    }

    fn forwarder_domain(&mut self, path: &Path, domain: &Domain) {
        let above_ours = self.file.local.domains.iter().any(|ours| match ours {
            DomainPattern::Itself(ours) | DomainPattern::Below(ours) => ours.is_at_or_below(domain),
        });
        if self.file.local.is_ours(domain) || above_ours {
            self.findings.error(
                path,
                format!("`{domain}` is, or is above, a domain of yours: that would let forged mail in"),
                "take it out; hosts of your own stand in `local.networks`, backup MX hosts in `exempt.clients`",
            );
        } else if is_single_label(domain) {
            self.findings.error(
                path,
                format!(
                    "`{domain}` would trust every host that calls itself something under .{domain}"
                ),
                "name the forwarder's own domain, such as forwarder.example",
            );
        }
    }

    fn never_send(&mut self) {
        let never = &self.file.null_sender.never_send.addresses;
        let list = Path::of(&["null_sender", "never_send"]);
        // The long form has the list one key further down; there is no such key in the short one, nor a place for it.
        let long = list.key("addresses");
        let list = if self.outline.has(&long) { long } else { list };
        self.addresses(&list, never);
        for (index, address) in never.iter().enumerate() {
            let path = list.index(index);
            let mailbox = mailbox(address);
            if mailbox
                .as_ref()
                .is_some_and(|one| one.local_key() == b"postmaster")
            {
                self.findings.warning(
                    &path,
                    "postmaster stands in `never_send`, but gets its mail in any case".to_owned(),
                    "RFC 5321 section 4.5.1 wants it so; take it out",
                );
            }
            if let Some(whole) = whole(address) {
                self.findings.warning(
                    &path,
                    format!(
                        "every bounce to {whole} would be refused, those of its own mail included"
                    ),
                    "list single addresses, unless nobody at all sends mail from there",
                );
            }
            for (key, exempt) in [
                ("exempt.recipients", &self.file.exempt),
                (
                    "null_sender.exempt.recipients",
                    &self.file.null_sender.exempt,
                ),
            ] {
                let delimiters = &self.file.local.recipient_delimiter;
                // A name alone is listed for every domain, and spared in that one.
                let spares = |pattern: &AddressPattern, one: &Mailbox| match pattern {
                    AddressPattern::Mailbox(..) if one.domain().is_none() => false,
                    _ => pattern.matches(one, delimiters),
                };
                let spared = exempt.recipients.iter().any(|pattern| {
                    pattern == address || mailbox.as_ref().is_some_and(|one| spares(pattern, one))
                });
                if spared {
                    self.findings.warning(
                        &path,
                        format!("this address is in `{key}` too, so its bounces are let in"),
                        "take it out of one of the two lists",
                    );
                }
            }
        }
    }

    /// One of our domains that stands where addresses belong is read as a local part.
    fn addresses(&mut self, list: &Path, addresses: &[AddressPattern]) {
        for (index, address) in addresses.iter().enumerate() {
            if let AddressPattern::Local(local) = address
                && let Some(domain) = Domain::from_bytes(local)
                && domain.as_str().contains('.')
                && self.file.local.is_ours(&domain)
            {
                self.findings.error(
                    &list.index(index),
                    format!("`{domain}` is a domain of yours, but would be compared with what stands before the @"),
                    &format!("for all addresses of it, write '@{domain}'"),
                );
            }
        }
    }

    fn exemptions(&mut self, path: &Path, exempt: &Exemptions) {
        self.addresses(&path.key("recipients"), &exempt.recipients);
        self.networks(
            &path.key("clients"),
            &exempt.clients,
            "nobody would be judged",
        );
        for (index, recipient) in exempt.recipients.iter().enumerate() {
            if let Some(whole) = whole(recipient) {
                self.findings.warning(
                    &path.key("recipients").index(index),
                    format!("nothing that comes to {whole} is judged"),
                    "list single addresses, unless the whole domain is to be left alone",
                );
            }
        }
    }
}

fn is_single_label(domain: &Domain) -> bool {
    !domain.as_str().contains('.')
}

/// What of a domain, or of all, the pattern means without exception.
fn whole(pattern: &AddressPattern) -> Option<String> {
    match pattern {
        AddressPattern::Domain(domain) => Some(format!("`@{domain}`")),
        // One that matches nothing at all and anything is one for all.
        AddressPattern::Match(pattern, domain)
            if [&b"x"[..], b"any.other-address"]
                .iter()
                .all(|local| pattern.matches(local)) =>
        {
            let all = || "any address".to_owned();
            Some(
                domain
                    .as_ref()
                    .map_or_else(all, |domain| format!("`@{domain}`")),
            )
        }
        _ => None,
    }
}

/// An address that the pattern means, where it means one in particular.
fn mailbox(pattern: &AddressPattern) -> Option<Mailbox> {
    match pattern {
        AddressPattern::Local(local) => Some(Mailbox::from_bytes(local)),
        AddressPattern::Mailbox(local, domain) => Some(Mailbox::from_bytes(
            &[local, b"@".as_slice(), domain.as_str().as_bytes()].concat(),
        )),
        AddressPattern::Domain(_) | AddressPattern::Match(..) => None,
    }
}
