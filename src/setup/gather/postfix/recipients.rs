//! Who exists in the domains of Postfix.

use std::collections::BTreeMap;

use super::{
    super::{
        super::{
            facts::{Class, List},
            map_file::MapFile,
            sql_query::Key,
            table::{Kind, Table, tables},
        },
        lists,
    },
    Reading,
};
use crate::core::address::Domain;

impl Reading<'_> {
    pub(super) async fn lists(&mut self) -> BTreeMap<Class, Vec<List>> {
        let mut found = BTreeMap::new();
        for (class, name) in [
            (Class::Local, "local_recipient_maps"),
            (Class::Alias, ""),
            (Class::Mailbox, "virtual_mailbox_maps"),
            (Class::Relay, "relay_recipient_maps"),
        ] {
            let domains: Vec<Domain> = (self.domains.found.iter())
                .filter(|found| found.class == class)
                .map(|found| found.domain.clone())
                .collect();
            if domains.is_empty() {
                continue;
            }
            let mut all = Vec::new();
            let key = if class == Class::Local {
                Key::Local
            } else {
                Key::Address
            };
            for (name, key) in [("virtual_alias_maps", Key::Address), (name, key)] {
                let value = self.settings.value(name);
                match class {
                    _ if !value.is_empty() || !name.ends_with("_recipient_maps") => {}
                    Class::Local => all.push(List::Everybody {
                        why: format!("{name} is empty"),
                    }),
                    _ => all.push(List::Unread {
                        written: name.to_owned(),
                        why: "it is empty, so only the next hop knows who exists".to_owned(),
                    }),
                }
                for table in tables(&value, &self.default_type()) {
                    all.push(self.table_of_addresses(&table, name, key, &domains).await);
                }
            }
            found.insert(class, all);
        }
        found
    }

    async fn table_of_addresses(
        &mut self,
        table: &Table,
        place: &str,
        key: Key,
        domains: &[Domain],
    ) -> List {
        let is_server = matches!(
            table.kind,
            Kind::Mysql | Kind::Postgres | Kind::Sqlite | Kind::Ldap
        );
        if !is_server {
            return lists::of_files(self.machine, table, place);
        }
        let file = match self.machine.read(&table.path()) {
            Ok(text) => MapFile::of(&text),
            Err(why) => return lists::unread(table, why),
        };
        let mut whole_domains = Ok(BTreeMap::new());
        for domain in domains {
            let answer = self.asked(table.direct(), &format!("@{domain}")).await;
            match (answer, &mut whole_domains) {
                (Ok(Some(target)), Ok(found)) => {
                    found.insert(domain.clone(), target);
                }
                (Ok(None), _) | (_, Err(_)) => {}
                (Err(why), _) => {
                    whole_domains = Err(why);
                    break;
                }
            }
        }
        List::Server {
            written: table.written.clone(),
            kind: table.kind,
            file,
            key,
            whole_domains,
        }
    }
}
