//! Checks of `dnsbl`.

use std::{collections::HashSet, net::Ipv4Addr};

use super::{Checks, is_single_label};
use crate::{config::path::Path, core::verdict::Action};

/// Each is asked about every bounce, within the budget that SPF uses, too.
const MAX_LISTS: usize = 8;

impl Checks<'_> {
    pub(super) fn dnsbl(&mut self) {
        let lists = &self.file.dnsbl;
        let top = Path::of(&["dnsbl"]);
        if lists.len() > MAX_LISTS {
            self.findings.error(
                &top,
                format!("there are {} DNS lists; the maximum is {MAX_LISTS}", lists.len()),
                "keep the one or two lists of hosts that send backscatter; each is asked about every bounce",
            );
        }
        let mut seen = HashSet::new();
        for (index, list) in lists.iter().enumerate() {
            let path = top.index(index);
            if !seen.insert(&list.zone) {
                self.findings.error(
                    &path.key("zone"),
                    format!("`{}` already has an entry in `dnsbl`", list.zone),
                    "join the two entries; `codes` takes several answers",
                );
            } else if is_single_label(&list.zone) {
                self.findings.error(
                    &path.key("zone"),
                    format!("`{}` is not the zone of a DNS list", list.zone),
                    "expected the name that the list's operator gives, such as ips.backscatterer.org",
                );
            }
            for (index, code) in list.codes.iter().enumerate() {
                self.code(&path.key("codes").index(index), *code);
            }
            if list.action == Action::Accept {
                self.findings.warning(
                    &path.key("action"),
                    format!("`{path}` asks the list, but ignores its answer"),
                    "use `tag` to write the answer into a header, or remove the entry to ask nothing",
                );
            }
        }
    }

    /// RFC 5782 sections 2.1 and 5, and what lists answer to resolvers that they don't serve.
    fn code(&mut self, path: &Path, code: Ipv4Addr) {
        let why = match code.octets() {
            [127, 0, 0, 1] => "no list may use: 127.0.0.1 is the answer of a broken list",
            [127, 255, 255, _] => "means that the list refuses to answer, not that it has an entry",
            [127, ..] => return,
            _ => "is outside 127.0.0.0/8, where DNS lists answer",
        };
        self.findings.error(
            path,
            format!("`{code}` is a code that {why}"),
            "expected a code that the list's operator documents, such as 127.0.0.2; to accept all codes, leave out `codes`",
        );
    }
}
