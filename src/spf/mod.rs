//! RFC 7208, evaluated over whatever answers its DNS questions.
//!
//! | module        | what it does, in one sentence |
//! |---------------|-------------------------------|
//! | `query`       | what a check is asked, and the identity taken from it (2.3, 2.4, 4.3) |
//! | `check_host`  | evaluates records: selection, terms in order, `include`, `redirect` (4, 5.2, 6.1) |
//! | `mechanism`   | `a`, `mx`, `ptr`, `exists` (5.3 to 5.5, 5.7) |
//! | `reverse`     | the names that the client's address maps back to, validated (5.5, `%{p}`) |
//! | `explanation` | the words of the publisher for a fail (6.2) |
//! | `question`    | the questions of a check, and their answers |
//! | `ahead`       | asks ahead of need, so that questions go side by side |
//! | `target`      | from a `domain-spec` to the name that is asked (4.8) |
//! | `record`      | the grammar of records (4.5, 12) |
//! | `macros`      | the grammar of macro strings (7.1) |
//! | `expansion`   | what macros stand for (7.2, 7.3) |
//! | `name`        | names that DNS can be asked for (4.8, 7.3) |
//! | `limits`      | every bound on a stranger's record (4.6.4) |
//! | `trace`       | the steps of a check, for people |
//! | `survey`      | a record and all that it leads to, for every client |
//! | `trial`       | a check against a record that is not published yet |

mod ahead;
mod check_host;
mod expansion;
mod explanation;
mod limits;
mod lookup;
mod macros;
mod mechanism;
mod name;
mod query;
mod question;
mod record;
mod reverse;
mod survey;
mod target;
mod trace;
mod trial;

#[cfg(test)]
mod tests;

pub use lookup::{Lookup, Mx};
pub use query::{SpfQuery, check_helo, check_mail_from};
pub use survey::survey;
pub use trial::{check_domain, try_record};
