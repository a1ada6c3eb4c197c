//! The report on a terminal.

use super::view::{Row, View, date};
use crate::core::aggregate::{Class, MIN_REPORTERS};

/// The maximum number of senders of a class in the text.
const MAX_NAMED: usize = 20;

impl View {
    pub(super) fn print(&self) {
        let (first, last) = self.period;
        println!(
            "mail with {} in From:, from {} to {} (UTC), as others report it",
            self.subject(),
            date(first),
            date(last)
        );
        if self.reports == 0 {
            println!(
                "\nno reports; `backstop reports import` takes them from the mailbox that `rua` of your DMARC record names"
            );
            return;
        }
        println!(
            "\n{:>10}  messages, in {} reports of {} reporters",
            self.messages,
            self.reports,
            self.reporters.len()
        );
        for class in Class::ALL {
            self.print_class(class);
        }
        if self.other_messages > 0 {
            println!(
                "\n{:>10}  messages of others, which were too many to be named",
                self.other_messages
            );
        }
        println!(
            "\nAll of it is what reporters claim. Fewer than {MIN_REPORTERS} of them make no sender more than unproven.\n\
             Unproven is forged mail, and mail that somebody forwards who breaks its signature."
        );
    }

    fn print_class(&self, class: Class) {
        let (shown, left) = self.of_class(class, MAX_NAMED);
        if shown.is_empty() && left == 0 {
            return;
        }
        let senders = shown.len() as u64 + left;
        println!("\n{}: {senders}", class.words());
        println!("{:>10} {:>10} {:>6}", "messages", "reporters", "days");
        for row in shown {
            row.print();
        }
        if left > 0 {
            println!(
                "{:>28}  and {left} more; use --html or --json to see more",
                ""
            );
        }
    }
}

impl Row {
    fn print(&self) {
        println!(
            "{:>10} {:>10} {:>6}  {}  {}",
            self.messages,
            self.reporters.len(),
            self.active_days,
            self.source,
            self.domain
        );
        for words in self.particulars() {
            println!("{:>28}  {words}", "");
        }
    }
}
