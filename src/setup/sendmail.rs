//! Sendmail: what sendmail.cf, or the sendmail.mc that it is made from, says of domains, tables and filters.

use std::path::PathBuf;

/// What is read of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sendmail {
    /// The file that is changed.
    pub mc: Option<PathBuf>,
    /// Its text.
    pub mc_text: String,
    /// The text of sendmail.cf.
    pub cf_text: String,
    /// Names in class w.
    pub local: Vec<String>,
    /// Files with more of them.
    pub local_files: Vec<PathBuf>,
    /// The domains of the virtusertable.
    pub virtual_domains: Vec<String>,
    /// Files with more of them.
    pub virtual_files: Vec<PathBuf>,
    /// Names in class R: whom it relays for.
    pub relayed: Vec<String>,
    /// Files with more of them.
    pub relay_files: Vec<PathBuf>,
    /// Texts of tables, by the names of their maps.
    pub maps: Vec<(String, PathBuf)>,
    /// The alias files.
    pub aliases: Vec<PathBuf>,
    /// Where mail for unknown users goes.
    pub luser_relay: bool,
    /// The filters, by name, with their equates.
    pub filters: Vec<(String, String)>,
    /// Its name, if it is written there.
    pub host: Option<String>,
}

impl Sendmail {
    /// Reads a sendmail.cf.
    pub fn of_cf(text: &str) -> Self {
        let mut found = Self::default();
        for line in text.lines() {
            found.cf_line(line.trim_end());
        }
        found
    }

    fn cf_line(&mut self, line: &str) {
        let path = |rest: &str| {
            let path = rest.trim_start_matches("-o").trim();
            path.starts_with('/').then(|| PathBuf::from(path))
        };
        let names =
            |rest: &str| -> Vec<String> { rest.split_whitespace().map(str::to_owned).collect() };
        if let Some(rest) = line.strip_prefix("Cw") {
            self.local.extend(names(rest));
        } else if let Some(rest) = line.strip_prefix("Fw") {
            self.local_files.extend(path(rest));
        } else if let Some(rest) = line.strip_prefix("C{VirtHost}") {
            self.virtual_domains.extend(names(rest));
        } else if let Some(rest) = line.strip_prefix("F{VirtHost}") {
            self.virtual_files.extend(path(rest));
        } else if let Some(rest) = line.strip_prefix("FR") {
            self.relay_files.extend(path(rest));
        } else if let Some(rest) = line.strip_prefix("CR") {
            self.relayed.extend(names(rest));
        } else if let Some(rest) = line.strip_prefix("Dj") {
            self.host = Some(rest.trim().to_owned()).filter(|host| !host.contains('$'));
        } else if let Some(rest) = line.strip_prefix("DL") {
            self.luser_relay = !rest.trim().is_empty();
        } else if let Some(rest) = line.strip_prefix("O AliasFile=") {
            self.aliases
                .extend(rest.split(',').filter_map(|file| path(file.trim())));
        } else if let Some(rest) = line.strip_prefix('X') {
            if let Some((name, equates)) = rest.split_once(',') {
                self.filters
                    .push((name.trim().to_owned(), equates.trim().to_owned()));
            }
        } else if let Some(rest) = line.strip_prefix('K') {
            let mut words = rest.split_whitespace();
            let (name, file) = (
                words.next().unwrap_or_default(),
                words.next_back().unwrap_or_default(),
            );
            if file.starts_with('/') {
                self.maps.push((name.to_owned(), PathBuf::from(file)));
            }
        }
    }

    /// The text of a map, by its name: `virtuser`, `mailertable`, `access`.
    pub fn map(&self, name: &str) -> Option<&PathBuf> {
        self.maps
            .iter()
            .find(|(one, _)| one == name)
            .map(|(_, path)| path)
    }

    /// Adds what sendmail.mc says, for a host whose sendmail.cf is not there.
    pub fn read_mc(&mut self, text: &str) {
        let arguments = |line: &str| -> Vec<String> {
            let quoted = line.split('`').skip(1);
            quoted
                .filter_map(|rest| rest.split_once('\''))
                .map(|(inner, _)| inner.to_owned())
                .collect()
        };
        for line in text
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with("dnl"))
        {
            let words = arguments(line);
            let first = words.first().map_or("", String::as_str);
            if line.starts_with("INPUT_MAIL_FILTER(") || line.starts_with("MAIL_FILTER(") {
                let equates = words.get(1).cloned().unwrap_or_default();
                self.filters.push((first.to_owned(), equates));
            } else if line.starts_with("LOCAL_DOMAIN(") {
                self.local
                    .extend(first.split_whitespace().map(str::to_owned));
            } else if line.starts_with("VIRTUSER_DOMAIN(") {
                self.virtual_domains
                    .extend(first.split_whitespace().map(str::to_owned));
            } else if line.starts_with("RELAY_DOMAIN(") {
                self.relayed
                    .extend(first.split_whitespace().map(str::to_owned));
            } else if line.starts_with("RELAY_DOMAIN_FILE(") {
                let path = first.split_whitespace().next_back();
                self.relay_files.extend(path.map(PathBuf::from));
            } else if line.starts_with("FEATURE(") {
                let default = match first {
                    "use_cw_file" => {
                        self.local_files.push("/etc/mail/local-host-names".into());
                        continue;
                    }
                    "virtusertable" => ("virtuser", "/etc/mail/virtusertable"),
                    "mailertable" => ("mailertable", "/etc/mail/mailertable"),
                    "access_db" => ("access", "/etc/mail/access"),
                    _ => continue,
                };
                let map = words.get(1).filter(|map| map.contains('/'));
                let path = map.and_then(|map| map.split_whitespace().next_back());
                self.maps
                    .push((default.0.to_owned(), path.unwrap_or(default.1).into()));
            } else if line.starts_with("define(`LUSER_RELAY'") {
                self.luser_relay = true;
            }
        }
        if self.aliases.is_empty() {
            self.aliases.push("/etc/mail/aliases".into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let cf = "Cwlocalhost example.org\nFw-o /etc/mail/local-host-names\nKvirtuser hash -o /etc/mail/virtusertable\n\
                  Kaccess hash -T<TMPF> -o /etc/mail/access\nO AliasFile=/etc/mail/aliases\nDjmx.example.org\n\
                  Xopendkim, S=inet:8891@127.0.0.1, F=T\nO InputMailFilters=opendkim\nDL\nC{VirtHost}example.net\n\
                  CRrelayed.example\nFR-o /etc/mail/relay-domains\n";
        let found = Sendmail::of_cf(cf);
        assert_eq!(found.local, ["localhost", "example.org"]);
        assert_eq!(found.virtual_domains, ["example.net"]);
        assert_eq!(
            found.map("virtuser").unwrap().to_str(),
            Some("/etc/mail/virtusertable")
        );
        assert_eq!(found.host.as_deref(), Some("mx.example.org"));
        assert_eq!(
            found.filters,
            [(
                "opendkim".to_owned(),
                "S=inet:8891@127.0.0.1, F=T".to_owned()
            )]
        );
        assert!(!found.luser_relay);
        let mut read = Sendmail::default();
        read.read_mc("dnl LOCAL_DOMAIN(`no.example')\nLOCAL_DOMAIN(`localhost example.org')dnl\nFEATURE(`use_cw_file')dnl\n\
                      VIRTUSER_DOMAIN(`example.net')dnl\nRELAY_DOMAIN(`relayed.example')dnl\n\
                      RELAY_DOMAIN_FILE(`-o /etc/mail/relay-domains')dnl\n\
                      FEATURE(`virtusertable', `hash -o /etc/mail/virtusertable.db')dnl\nFEATURE(`access_db')dnl\n\
                      INPUT_MAIL_FILTER(`opendkim', `S=inet:8891@127.0.0.1, F=T')dnl\n");
        assert_eq!(
            (read.local, read.virtual_domains),
            (found.local, found.virtual_domains)
        );
        assert_eq!(
            (read.local_files, read.filters, read.aliases),
            (found.local_files, found.filters, found.aliases)
        );
        assert_eq!(
            (read.relayed, read.relay_files),
            (found.relayed, found.relay_files)
        );
        assert_eq!(read.maps.len(), 2);
    }
}
