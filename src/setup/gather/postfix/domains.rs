//! The domains of Postfix, and where their mail goes.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{
    super::{
        super::{
            facts::Class,
            ldap_query,
            lines::words,
            map_file::MapFile,
            sql_query::listing,
            table::{Kind, Table, Word, list, tables},
        },
        keys, lists,
    },
    Reading,
};
use crate::{
    directory::{
        ldap::entries,
        limits::FOR_SET_UP,
        sql::{QueryError, Sql, SqlUrl, rows},
    },
    server::UrlError,
};

impl Reading<'_> {
    /// The domains of a parameter.
    pub(super) async fn list(&mut self, class: Class, name: &str) {
        for word in list(&self.settings.value(name)) {
            match word {
                Word::Plain(word) => self.name(&word, class, name),
                // A domain that is taken out again is in no other word of the list.
                Word::Not(_) => {}
                Word::File(path) => match self.machine.read(&path) {
                    Ok(text) => {
                        let source = format!("{name} ({})", path.display());
                        for line in text.lines().filter(|line| !line.starts_with('#')) {
                            words(line)
                                .iter()
                                .for_each(|word| self.name(word, class, &source));
                        }
                    }
                    Err(why) => self.lacks(name, &why),
                },
                Word::Table(table) => self.table(&table, class, name).await,
            }
        }
    }

    /// A list of domains can't be read.
    pub(super) fn lacks(&mut self, name: &str, why: &str) {
        self.all_domains_read = false;
        self.unread.push(format!("{name}: {why}"));
    }

    fn name(&mut self, word: &str, class: Class, source: &str) {
        if !self.domains.add(word, class, source) {
            self.unread.push(format!("{source}: `{word}` is no domain"));
        }
    }

    async fn table(&mut self, table: &Table, class: Class, name: &str) {
        let source = format!("{name} ({table})");
        match table.kind {
            Kind::Text => match keys(self.machine, &table.path()) {
                Ok(keys) => {
                    // virtual_alias_domains is virtual_alias_maps, if nobody sets it.
                    for domain in &keys.domains {
                        self.name(domain.as_str(), class, &source);
                    }
                }
                Err(why) => self.lacks(name, &why),
            },
            Kind::Inline => {
                for (key, _) in table.inline_keys() {
                    if !key.contains('@') {
                        self.name(&key, class, name);
                    }
                }
            }
            // By default it is virtual_alias_maps, and of these only tables in text have lines for domains.
            _ if name == "virtual_alias_domains" && !self.settings.is_set(name) => {}
            Kind::Mysql | Kind::Postgres | Kind::Sqlite => {
                let listed = self.rows(table).await;
                self.server(table, class, &source, listed).await;
            }
            Kind::Ldap => {
                let listed = self.entries(table).await;
                self.server(table, class, &source, listed).await;
            }
            _ => {
                self.candidates(table, class, &source, "the domains in it can't be listed")
                    .await
            }
        }
    }

    /// Adds what a server lists, or what else shows that it has a domain.
    async fn server(
        &mut self,
        table: &Table,
        class: Class,
        source: &str,
        listed: Result<BTreeSet<String>, String>,
    ) {
        match listed {
            // A directory hides what it gives nobody, and does not say so.
            Ok(domains) if domains.is_empty() && table.kind == Kind::Ldap => {
                if self.seek(table, class, source).await > 0 {
                    self.lacks(source, "its server lists nothing, so only domains of the log are here; use --domain DOMAIN for others");
                }
            }
            Ok(domains) => {
                for domain in domains {
                    self.name(&domain, class, source);
                }
            }
            Err(why) => self.candidates(table, class, source, &why).await,
        }
    }

    /// The domains in a database.
    async fn rows(&self, table: &Table) -> Result<BTreeSet<String>, String> {
        let file = MapFile::of(&self.machine.read(&table.path())?);
        let url = file.database(table.kind)?;
        let url = match url.strip_prefix("sqlite:") {
            Some(path) => format!("sqlite:{}", self.machine.place(Path::new(path)).display()),
            None if self.machine.root.is_some() => {
                return Err("no server is asked for another host".to_owned());
            }
            None => url,
        };
        let query = file.query().ok_or("it has no query")?;
        let queries = listing(&query).ok_or("its query can't be made a list")?;
        let secret = file.secret(table.kind).map(|secret| secret.0);
        let url: SqlUrl = url.parse().map_err(|error: UrlError| error.to_string())?;
        let url = url.with_password(secret);
        let mut found = BTreeSet::new();
        for query in queries {
            let server = Sql::of_url(url.clone()).map_err(|error: QueryError| error.to_string())?;
            let rows = rows(server, &query, FOR_SET_UP).await?.into_iter();
            found.extend(rows.map(|row| match row.rsplit_once('@') {
                Some((_, domain)) => domain.to_owned(),
                None => row,
            }));
        }
        Ok(found)
    }

    /// The domains in a directory.
    async fn entries(&self, table: &Table) -> Result<BTreeSet<String>, String> {
        let file = MapFile::of(&self.machine.read(&table.path())?);
        let listing = ldap_query::listing(file.filter())?;
        let server = file.directory()?;
        if self.machine.root.is_some() {
            return Err("no server is asked for another host".to_owned());
        }
        let needed = file.result_attributes();
        let mut attributes: Vec<String> = listing.keys.iter().map(|key| key.name.clone()).collect();
        attributes.extend(needed.iter().flatten().cloned());
        let mut found = BTreeSet::new();
        for entry in entries(server, &listing.filter, attributes, FOR_SET_UP).await? {
            let has = |name: &String| entry.contains_key(name);
            if needed
                .as_ref()
                .is_some_and(|needed| !needed.iter().any(has))
            {
                continue;
            }
            for key in &listing.keys {
                let values = entry.get(&key.name).into_iter().flatten();
                let keys = values.filter_map(|value| key.key(value));
                // Addresses are keys as well, but no domains.
                found.extend(keys.filter(|key| !key.contains('@')).map(str::to_owned));
            }
        }
        Ok(found)
    }

    /// Where a table can't be listed: domains that the administrator named, and domains for which the log has mail, as far as
    /// Postfix finds them in the table.
    async fn candidates(&mut self, table: &Table, class: Class, source: &str, why: &str) {
        let what = match self.seek(table, class, source).await {
            0 => "; use --domain DOMAIN for each domain in it",
            _ => ", so only domains of the log are here; use --domain DOMAIN for others",
        };
        self.lacks(source, &format!("{why}{what}"));
    }

    /// Looks for such domains, and gives how many there are.
    async fn seek(&mut self, table: &Table, class: Class, source: &str) -> usize {
        let (named, log) = (self.named, self.log);
        let mut found = 0;
        for domain in named
            .iter()
            .chain(log.iter().flat_map(|day| &day.delivered))
        {
            if self.domains.seen.contains(domain) {
                continue;
            }
            // Where Postfix can't be asked, the administrator's word counts, and for mail that a transport of this host took.
            let is_there = match self.asked(table.direct(), domain.as_str()).await {
                Ok(answer) => answer.is_some(),
                Err(_) => self.machine.root.is_some() || named.contains(domain),
            };
            if is_there {
                let how = if named.contains(domain) {
                    "named on the command line"
                } else {
                    "seen in the log"
                };
                found += 1;
                self.name(domain.as_str(), class, &format!("{source}, {how}"));
            }
        }
        found
    }

    /// Where mail of relay_domains goes: without a next hop of its own, this host is a backup MX.
    pub(super) async fn next_hops(&mut self) {
        let transports = tables(&self.settings.value("transport_maps"), &self.default_type());
        let mut texts: BTreeMap<String, String> = BTreeMap::new();
        let mut asked = Vec::new();
        for table in transports {
            match table.kind {
                Kind::Text => match self.machine.read(&table.path()) {
                    Ok(text) => texts.extend(lists::pairs(&text)),
                    Err(why) => self.unread.push(format!("transport_maps: {why}")),
                },
                Kind::Inline => texts.extend(table.inline_keys()),
                _ => asked.push(table),
            }
        }
        let relay = self.settings.value("relay_transport");
        let relay = relay.split_once(':').map(|_| relay.clone());
        let relayhost = Some(self.settings.value("relayhost")).filter(|host| !host.is_empty());
        for at in 0..self.domains.found.len() {
            let Some(found) = self
                .domains
                .found
                .get(at)
                .filter(|found| found.class == Class::Relay)
            else {
                continue;
            };
            let domain = found.domain.clone();
            let mut hop = texts.get(domain.as_str()).cloned();
            for table in &asked {
                if hop.is_none() {
                    // Where it can't be asked, the domain counts as one without a next hop.
                    hop = self
                        .asked(&table.written, domain.as_str())
                        .await
                        .ok()
                        .flatten();
                }
            }
            // `smtp:` alone is the default, MX records.
            let hop = hop.filter(|hop| !matches!(hop.trim(), ":" | "smtp:" | "relay:"));
            let hop = hop.or_else(|| relay.clone()).or_else(|| relayhost.clone());
            if let Some(found) = self.domains.found.get_mut(at) {
                found.next_hop = hop;
            }
        }
    }
}
