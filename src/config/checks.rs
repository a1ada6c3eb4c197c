//! Finds values that are well-formed, but can't work or would be dangerous. Reports all of them at once.

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
    dns::{MAX_BUDGET, MAX_CACHE, MIN_TIMEOUT},
    engine::DrainSettings,
    milter::ListenAddress,
};

/// Each uses a part of the budget when the ones before it are silent.
const MAX_NAMESERVERS: usize = 8;
/// Each costs an SPF check for a message that nothing else vouches for.
const MAX_FORWARDER_DOMAINS: usize = 20;

/// Checks every section except `recipients`.
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
    checks.outbound();
    checks.dnsbl();
    checks.headers();
    checks.proof();
    checks.report();
    checks.siege();
    checks.observe();
    checks.drain();
    checks.exemptions(&Path::of(&["exempt"]), &file.exempt);
    checks.exemptions(
        &Path::of(&["null_sender", "exempt"]),
        &file.null_sender.exempt,
    );
    checks.findings.into_mistakes()
}

/// A warning about the socket file that we would make.
pub(super) const UNSHARED_SOCKET: &str =
    "only our own user may open the socket file, so the MTA can't connect";

struct Checks<'a> {
    file: &'a File,
    outline: &'a Outline,
    findings: Findings<'a>,
}

impl Checks<'_> {
    fn drain(&mut self) {
        let (limit, max) = (self.file.drain.limit, DrainSettings::MAX_LIMIT);
        if limit > max {
            self.findings.error(
                &Path::of(&["drain", "limit"]),
                format!("`drain.limit` is {limit}, more than {max}"),
                "use 5s: while the daemon ends, the MTA refuses all new mail for now",
            );
        }
    }

    fn socket(&mut self) {
        let options = &self.file.socket;
        if matches!(self.file.listen, ListenAddress::Unix(_)) {
            // connect(2) needs the permission to write. Without a mode the umask decides, and most forbid it.
            let (place, shared): (&[_], _) = match options.mode {
                Some(mode) => (&["socket", "mode"], mode.0 & 0o022 != 0),
                None => (&["listen"], false),
            };
            if !shared && options.user.is_none() {
                self.findings.warning(
                    &Path::of(place),
                    UNSHARED_SOCKET.to_owned(),
                    "give a group of the MTA access: `socket: {mode: 0660, group: postfix}`",
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
                    "remove it, or use a socket file: `listen: unix:/run/backstop/backstop.sock`",
                );
            }
        }
    }

    fn dns(&mut self) {
        let dns = &self.file.dns;
        let at = |key| Path::of(&["dns", key]);
        if dns.nameservers.len() > MAX_NAMESERVERS {
            self.findings.error(
                &at("nameservers"),
                format!("there are {} name servers; the maximum is {MAX_NAMESERVERS}", dns.nameservers.len()),
                "use two or three; with many silent servers the time runs out before a good one is asked",
            );
        }
        if dns.budget > MAX_BUDGET {
            self.findings.error(
                &at("budget"),
                format!("`dns.budget` is {}; the maximum is {MAX_BUDGET}", dns.budget),
                "use less, because Postfix waits 30s for a milter; the default, 8s, is enough for working DNS",
            );
        }
        if dns.timeout < MIN_TIMEOUT {
            self.findings.error(
                &at("timeout"),
                format!(
                    "`dns.timeout` is {}; the minimum is {MIN_TIMEOUT}",
                    dns.timeout
                ),
                "use more, because distant name servers need longer; the default is 2s",
            );
        } else if dns.timeout > dns.budget {
            self.findings.error(
                &at("timeout"),
                format!("`dns.timeout` ({}) is longer than `dns.budget` ({})", dns.timeout, dns.budget),
                "use a quarter of the budget: it covers all queries of one message, and a retry needs time, too",
            );
        }
        if dns.cache > MAX_CACHE {
            self.findings.error(
                &at("cache"),
                format!("`dns.cache` is {}; the maximum is {MAX_CACHE}", dns.cache),
                "use a number of answers, not of bytes; the default, 20000, takes about 10 MB",
            );
        }
    }

    fn local(&mut self) {
        let local = &self.file.local;
        let at = |key| Path::of(&["local", key]);
        if local.has_no_domain() {
            self.findings.warning(
                &at("domains"),
                "`local.domains` is empty, so mail that forges your domains is not recognised"
                    .to_owned(),
                "list the domains that you receive and send mail for: `local: {domains: [example.org]}`",
            );
        }
        for (index, domain) in &local.names {
            let path = at("domains").index(*index);
            if let DomainPattern::Itself(domain) = domain
                && domain.to_string() == "all"
            {
                self.findings.error(
                    &path,
                    "`all` is reserved: it means all domains together in `backstop siege` and in the metrics"
                        .to_owned(),
                    "use the full name, such as all.example.org",
                );
            }
            if let DomainPattern::Below(parent) = domain
                && is_single_label(parent)
            {
                self.findings.warning(
                    &path,
                    format!("`{domain}` makes every domain that ends in {domain} one of yours"),
                    "list your own domains by name; mail of the others would be refused as forged",
                );
            }
        }
        self.networks(&at("networks"), &local.networks, "no mail would be judged");
        for (index, daemon) in local.daemons.iter().enumerate() {
            if daemon.contains('*') {
                self.findings.error(
                    &at("daemons").index(index),
                    format!("`{daemon}` looks like a pattern, but names of daemons are compared literally"),
                    "list each name that `milter_macro_daemon_name` has in master.cf",
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
                format!("`{}` can't separate a user from an extension", c.escape_debug()),
                "expected the value that `postconf recipient_delimiter` shows, such as \"+\" or \"+-\", or \"\" for none",
            );
        }
    }

    fn networks(&mut self, path: &Path, networks: &[Network], then: &str) {
        for (index, network) in networks.iter().enumerate() {
            self.network(&path.index(index), network, then);
        }
    }

    /// A network so large that it contains strangers.
    fn network(&mut self, path: &Path, network: &Network, then: &str) {
        let text = network.to_string();
        let (address, length) = text.split_once('/').unwrap_or((&text, "128"));
        let length: u8 = length.parse().unwrap_or(128);
        // The largest private networks: 10.0.0.0/8 and fc00::/7.
        let widest = if address.contains(':') { 7 } else { 8 };
        if length == 0 {
            self.findings.error(
                path,
                format!("`{text}` is the whole internet: {then}"),
                "list the networks of your hosts, such as 192.0.2.0/24",
            );
        } else if length < widest {
            self.findings.warning(
                path,
                format!("`{text}` is larger than any private network"),
                "check the number after the `/`: it counts the bits that all addresses share",
            );
        }
    }

    fn forwarders(&mut self) {
        let path = Path::of(&["spf", "trusted_forwarders"]);
        let count = self.file.spf.forwarder_domains().count();
        if count > MAX_FORWARDER_DOMAINS {
            self.findings.error(
                &path,
                format!("there are {count} domains of forwarders; the maximum is {MAX_FORWARDER_DOMAINS}"),
                "list large forwarders by their networks; each domain costs DNS queries for every doubtful message",
            );
        }
        for (index, forwarder) in self.file.spf.trusted_forwarders.iter().enumerate() {
            let path = path.index(index);
            match forwarder {
                Forwarder::Network(network) => {
                    self.network(&path, network, "SPF would have no effect")
                }
                Forwarder::Domain(domain) => self.forwarder_domain(&path, domain),
            }
        }
    }

    fn forwarder_domain(&mut self, path: &Path, domain: &Domain) {
        let above_ours = self.file.local.domains.has_at_or_below(domain);
        if self.file.local.is_ours(domain) || above_ours {
            self.findings.error(
                path,
                format!("`{domain}` is, or is above, a domain of yours: forged mail would be accepted"),
                "remove it; list your own hosts in `local.networks`, and backup MX hosts in `exempt.clients`",
            );
        } else if is_single_label(domain) {
            self.findings.error(
                path,
                format!("`{domain}` would trust every host that claims a name below .{domain}"),
                "use the forwarder's own domain, such as forwarder.example",
            );
        }
    }

    fn never_send(&mut self) {
        let never = &self.file.null_sender.never_send.addresses;
        let list = Path::of(&["null_sender", "never_send"]);
        // Only the long form has the key `addresses`.
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
                    "postmaster is in `never_send`, but always gets its mail".to_owned(),
                    "remove it; RFC 5321 section 4.5.1 requires that postmaster accepts mail",
                );
            }
            if let Some(whole) = whole(address) {
                self.findings.warning(
                    &path,
                    format!(
                        "every bounce to {whole} would be refused, even those of mail that it sent"
                    ),
                    "list single addresses, unless no address there sends mail",
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
                // A local part alone is listed for every domain, and exempt in this one only.
                let exempts = |pattern: &AddressPattern, one: &Mailbox| match pattern {
                    AddressPattern::Mailbox(..) if one.domain().is_none() => false,
                    _ => pattern.matches(one, delimiters),
                };
                let is_exempt = exempt.recipients.iter().any(|pattern| {
                    pattern == address || mailbox.as_ref().is_some_and(|one| exempts(pattern, one))
                });
                if is_exempt {
                    self.findings.warning(
                        &path,
                        format!("this address is also in `{key}`, so its bounces are accepted"),
                        "remove it from one of the two lists",
                    );
                }
            }
        }
    }

    fn outbound(&mut self) {
        let list = Path::of(&["outbound", "forwarded", "no_dsn"]);
        self.addresses(&list, &self.file.outbound.forwarded.no_dsn);
    }

    /// Finds our own domains in a list of addresses, where they are read as local parts.
    fn addresses(&mut self, list: &Path, addresses: &[AddressPattern]) {
        for (index, address) in addresses.iter().enumerate() {
            if let AddressPattern::Local(local) = address
                && let Some(domain) = Domain::from_bytes(local)
                && domain.as_str().contains('.')
                && self.file.local.is_ours(&domain)
            {
                self.findings.error(
                    &list.index(index),
                    format!("`{domain}` is a domain of yours, but would be compared with the part before the @"),
                    &format!("use '@{domain}' for all its addresses"),
                );
            }
        }
    }

    fn exemptions(&mut self, path: &Path, exempt: &Exemptions) {
        self.addresses(&path.key("recipients"), &exempt.recipients);
        self.networks(
            &path.key("clients"),
            &exempt.clients,
            "no mail would be judged",
        );
        for (index, recipient) in exempt.recipients.iter().enumerate() {
            if let Some(whole) = whole(recipient) {
                self.findings.warning(
                    &path.key("recipients").index(index),
                    format!("no mail to {whole} is judged"),
                    "list single addresses, unless you want to exempt the whole domain",
                );
            }
        }
    }
}

fn is_single_label(domain: &Domain) -> bool {
    !domain.as_str().contains('.')
}

/// The domain, or all domains, whose every address the pattern matches.
fn whole(pattern: &AddressPattern) -> Option<String> {
    match pattern {
        AddressPattern::Domain(domain) => Some(format!("`@{domain}`")),
        // Two unlike addresses that match mean that all do.
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

/// The one address that the pattern matches, if it matches only one.
fn mailbox(pattern: &AddressPattern) -> Option<Mailbox> {
    match pattern {
        AddressPattern::Local(local) => Some(Mailbox::from_bytes(local)),
        AddressPattern::Mailbox(local, domain) => Some(Mailbox::from_bytes(
            &[local, b"@".as_slice(), domain.as_str().as_bytes()].concat(),
        )),
        AddressPattern::Domain(_) | AddressPattern::Match(..) => None,
    }
}
