//! What can't work, or would be dangerous, in `dnsbl`.

use std::{collections::HashSet, net::Ipv4Addr};

use super::{Checks, is_single_label};
use crate::{config::path::Path, core::verdict::Action};

/// Each is asked about every bounce, out of the one budget that SPF has too.
const MOST_LISTS: usize = 8;

impl Checks<'_> {
    pub(super) fn dnsbl(&mut self) {
        let lists = &self.file.dnsbl;
        let top = Path::of(&["dnsbl"]);
        if lists.len() > MOST_LISTS {
            self.findings.error(
                &top,
                format!("{} DNS lists are more than {MOST_LISTS}", lists.len()),
                "each is asked about every bounce; keep the one or two that list hosts which send backscatter",
            );
        }
        let mut seen = HashSet::new();
        for (index, list) in lists.iter().enumerate() {
            let path = top.index(index);
            if !seen.insert(&list.zone) {
                self.findings.error(
                    &path.key("zone"),
                    format!("`{}` has an entry in `dnsbl` already", list.zone),
                    "join the two; `codes` takes several answers",
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
                    format!("`{path}` asks the list, and does nothing about its answer"),
                    "with `tag` a header tells of it; without the entry no question is asked",
                );
            }
        }
    }

    /// RFC 5782 sections 2.1 and 5, and what lists answer to resolvers that they don't serve.
    fn code(&mut self, path: &Path, code: Ipv4Addr) {
        let why = match code.octets() {
            [127, 0, 0, 1] => "no list may have: an answer of 127.0.0.1 is a broken one",
            [127, 255, 255, _] => "says that the list refuses to answer, not that it has an entry",
            [127, ..] => return,
            _ => "is outside 127.0.0.0/8, where entries of DNS lists lie",
        };
        self.findings.error(
            path,
            format!("`{code}` is a code that {why}"),
            "expected a code that the list's operator documents, such as 127.0.0.2; to accept all codes, leave out `codes`",
        );
    }
}
