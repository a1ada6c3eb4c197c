//! The siege: a flood of backscatter is noticed, answered more strictly, and ended by itself.
//!
//! What was decided, and why:
//!
//! - **One rate.** Unproven bounces, forged ones and refused recipients of the null sender are added up: the same joe job
//!   is the one at a domain with a catch-all, and the other at one with a list. Each bounce is counted once.
//! - **Mail of ours excuses some.** Of a mailing, some bounces come back without a proof. They come to few addresses,
//!   so hits on recipients that were hit before are excused, as many of each network: one a minute for 200 recipients
//!   of the last two hours, and half of the limit at most. So twice the limit is always a flood. Where less is usual
//!   than makes a limit above the floor, more is excused, up to four times the floor where nothing is usual: there,
//!   after a mailing, a flood on few addresses may hide that is less than five times the floor, for it looks like the
//!   mailing's bounces. Hits on ever new recipients, as in a joe job that invents senders, are never excused; nor is
//!   a joe job on one address when we sent nothing. Of one network no more recipients are looked at than its share of
//!   hits, so that it takes the excuse from no mailing.
//! - **A flood comes from many.** One network ([`Network::around`](crate::core::network::Network::around)) counts for
//!   a fifth of whatever limit is asked about at most, in the window that is asked about, and with all hosts of a
//!   shared store: of the limit that begins a siege, of the lower ones that keep it, of what is learned, and of what
//!   is tolerated. So it takes five networks to reach a limit (three to keep a siege where the usual is half of what keeps
//!   it), and one alone does nothing but make an alert, which changes no answer: the administrator hears of it, and may
//!   block that network. A forwarder or a backup MX is one
//!   network like any other, for it passes on what a single host gives it; so are all clients together whose address
//!   the MTA does not know, as anybody can bring that about. Counters are twice 64 a window ([`Networks`]), whatever comes.
//!   What they do not tell apart counts for less, never for more; and which networks these are, nobody knows who has
//!   not the key.
//! - **A flood lasts.** It is `siege.factor` times the usual, and at least `siege.floor`, within a minute, in three of its
//!   six slots at least; or within ten minutes, in six slots at least. So one host that tries a hundred recipients at once
//!   makes an alert, and bursts every minute make a siege.
//! - **A flood does not become usual.** Hours with a siege are not learned, and others up to the rate at most that
//!   would be an alert by what the same hour had in the weeks before. So a patient attacker can teach us half of the
//!   floor in the first week, and at most three times as much in each of those that follow; from one network, a fifth
//!   of the floor.
//! - **Easing is strict.** Floods come in waves; answers that come and go with them would let in each wave's begin.
//!   What comes back makes the quiet that is needed longer, so no rhythm makes many changes. Alerts that come back
//!   lengthen alerts, not sieges.
//! - **`siege.max_duration` ends it** even in the middle of a flood, for what is wrong for days is the siege. The
//!   highest limit that the flood reaches is then tolerated: twice of it begins another siege at once, the same a day
//!   later, as the tolerance halves.
//! - **All domains together** have a record of their own, for a flood that is spread thin. What may become a domain's own
//!   siege is left out of it ([`Record::is_shared`]), else a flood on one would besiege the others; ten minutes of an alert
//!   are long enough to tell. While all are besieged, no domain learns its part of the flood, and the stricter answers are
//!   those of the domains that get more than is usual for them ([`Record::above_until`]): with the first hit, where none
//!   are usual. The others are left in peace.
//! - **What nothing happens to rests.** A domain that is calm is not stepped, and its record is octets; when something comes,
//!   it learns what passed while hosts watched ([`Watched`]), and is as if it had been stepped all the time.
//! - **Hosts share a record** by compare-and-swap ([`Record::exchange`]). One that is cut off counts on
//!   ([`Record::step_alone`]), sees its own part of a flood only, and gives what it counted to the others when they meet.
//! - **Clocks step.** Forward is time in which nobody looked: neither quiet nor learned. Backward, all that is remembered
//!   moves along, so that how long ago it was stays true.

mod baseline;
mod bytes;
mod change;
mod deltas;
mod exchange;
mod host;
mod machine;
mod networks;
mod record;
mod rest;
mod ring;
mod settings;
mod sketch;
mod slots;
mod spans;
#[cfg(test)]
mod tests;
mod view;
mod watched;
mod windows;

pub use bytes::{Damaged, LARGEST};
pub use change::{ByHand, Cause, Change, Forced, LONGEST_BY_HAND, Status};
pub use deltas::{Deltas, Hit, MAX_DOMAINS, Taken, Tally};
pub use exchange::{Exchanged, Shared};
pub use host::{
    Answer, Cursor, Done, Host, Question, Round, Stored, Write, Written, domain_of, record_name,
};
pub use machine::State;
pub(in crate::core) use networks::SHARES;
pub use networks::{FirstRecipients, Networks};
pub use record::Record;
pub use settings::{Learn, Settings};
pub use sketch::Sketch;
pub use spans::{KEEP_DAYS, MAX_EVENTS, SiegeEvent, Span, joined, spans};
pub use view::View;
pub use watched::Watched;
