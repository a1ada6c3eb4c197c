//! The tables and programs of Postfix that say where accepted mail goes.

use std::path::Path;

use super::{
    super::{
        super::{
            facts::{Deliveries, List, Role},
            machine::Machine,
            master::Service,
            settings::{RESTRICTIONS, Settings},
            table::{Table, tables},
        },
        deliveries::Collector,
        lists,
    },
    words,
};

/// Where `FILTER` may stand, beside the restrictions.
const OTHER_CHECKS: [&str; 6] = [
    "smtpd_etrn_restrictions",
    "header_checks",
    "mime_header_checks",
    "nested_header_checks",
    "body_checks",
    "milter_header_checks",
];

pub(super) fn of(
    machine: &Machine,
    settings: &Settings,
    services: &[Service],
    folder: &Path,
) -> Deliveries {
    let mut collector = Collector::new(machine);
    let main = folder.join("main.cf");
    let default = settings.value("default_database_type");
    for (role, name) in [
        (Role::Alias, "alias_maps"),
        (Role::Virtual, "virtual_alias_maps"),
        (Role::Transport, "transport_maps"),
        (Role::Mailer, "mailbox_transport_maps"),
        (Role::Mailer, "fallback_transport_maps"),
        (Role::Relocated, "relocated_maps"),
    ] {
        for table in tables(&settings.value(name), &default) {
            collector.table(&table, role, &main);
        }
    }
    for name in ["virtual_mailbox_maps", "relay_recipient_maps"] {
        for table in tables(&settings.value(name), &default) {
            collector.recipients(&table);
        }
    }
    let overrides = services.iter().flat_map(|service| &service.overrides);
    let checks = [&RESTRICTIONS[..], &OTHER_CHECKS].concat();
    let of_services = overrides.filter(|(name, _)| checks.contains(&name.as_str()));
    let of_services = of_services.map(|(_, value)| value.clone());
    let of_main = checks.iter().map(|name| settings.value(name));
    for value in of_main.chain(of_services) {
        for table in words(&value).iter().filter_map(|word| Table::of(word)) {
            collector.table(&table, Role::Filter, &main);
        }
    }
    for program in services.iter().filter_map(Service::piped) {
        collector.program(Path::new(program));
    }
    let accounts = lists::accounts(machine);
    collector.host(matches!(accounts, List::Accounts { elsewhere: Some(_) }));
    collector.found
}
