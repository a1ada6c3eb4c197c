//! What the milter crate writes, on its way to the MTA. The crate flushes every packet; a change at the end of a message
//! needs no answer, so it waits for the reply that follows it, and the end of a message is one write.

/// The maximum of what waits, in octets. More is written before the reply.
const MAX_WAITING: usize = 64 * 1024;

/// What is kept of the memory after a write, in octets.
const KEPT: usize = 2 * 1024;

/// The length of a packet and its command.
const HEAD: u64 = 5;

/// The changes of a message: add, insert and change a header, the sender, add (also with parameters) and delete a
/// recipient, replace the body, quarantine. Anything else goes at once: also `p`, which says that we are still at work.
const CHANGES: &[u8] = b"hime+2-bq";

/// Packets that the MTA has not got yet.
#[derive(Debug, Default)]
pub(super) struct Replies {
    waiting: Vec<u8>,
    /// How much of it was written.
    written: usize,
    /// The packet that came last, or comes: its length, how much of it came, and its command.
    length: u32,
    came: u64,
    command: u8,
}

impl Replies {
    /// Takes as much as there is room for, and gives how much that is.
    pub(super) fn take(&mut self, octets: &[u8]) -> usize {
        let room = MAX_WAITING.saturating_sub(self.waiting.len());
        let (taken, _) = octets.split_at(room.min(octets.len()));
        self.waiting.extend_from_slice(taken);
        self.follow(taken);
        taken.len()
    }

    fn follow(&mut self, mut octets: &[u8]) {
        while let Some((&octet, rest)) = octets.split_first() {
            match self.came {
                0..4 => {
                    self.length = self.length << 8 | u32::from(octet);
                    self.came += 1;
                    octets = rest;
                    continue;
                }
                4 => {
                    self.command = octet;
                    self.came += 1;
                    octets = rest;
                }
                _ => {
                    let left = self.left().min(octets.len() as u64);
                    self.came += left;
                    octets = octets.get(left as usize..).unwrap_or_default();
                }
            }
            if self.left() == 0 {
                self.came = 0;
            }
        }
    }

    /// How much of the payload is still to come. The length counts the command, too.
    fn left(&self) -> u64 {
        (u64::from(self.length) + HEAD - 1).saturating_sub(self.came)
    }

    /// What is to be written now: nothing where a reply is still to come after changes.
    pub(super) fn due(&self) -> &[u8] {
        let is_whole = self.came == 0;
        if is_whole && CHANGES.contains(&self.command) {
            return &[];
        }
        self.unwritten()
    }

    /// What was not written yet.
    pub(super) fn unwritten(&self) -> &[u8] {
        self.waiting.get(self.written..).unwrap_or_default()
    }

    /// Whether there is no room for more before something is written.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_WAITING
    }

    /// So much was written.
    pub(super) fn wrote(&mut self, octets: usize) {
        self.written += octets;
        if self.unwritten().is_empty() {
            self.waiting.clear();
            self.waiting.shrink_to(KEPT);
            self.written = 0;
        }
    }

    /// Gives the memory back, where nothing waits.
    pub(super) fn rest(&mut self) {
        if self.waiting.is_empty() {
            self.waiting = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(command: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u32 + 1).to_be_bytes();
        [&length[..], &[command], payload].concat()
    }

    /// Hands the packets over as the milter crate does, and gives the writes that come of it.
    fn writes(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut replies = Replies::default();
        let mut writes = Vec::new();
        for packet in packets {
            let mut rest = packet.as_slice();
            while !rest.is_empty() {
                let taken = replies.take(rest);
                rest = &rest[taken..];
                if replies.is_full() {
                    writes.push(replies.unwritten().to_vec());
                    replies.wrote(replies.unwritten().len());
                }
            }
            if !replies.due().is_empty() {
                writes.push(replies.due().to_vec());
                replies.wrote(replies.due().len());
            }
        }
        assert!(replies.unwritten().is_empty(), "nothing is left");
        writes
    }

    #[test]
    fn changes_wait_for_the_reply_and_nothing_else_does() {
        let changes: Vec<_> = CHANGES.iter().map(|&c| packet(c, b"x\0y\0")).collect();
        for reply in *b"acdrtyOsp4f" {
            let reply = packet(reply, b"");
            let all = [&changes[..], std::slice::from_ref(&reply)].concat();
            assert_eq!(writes(&all), [all.concat()]);
            assert_eq!(writes(&[reply.clone(), reply.clone()]), [&reply[..]; 2]);
        }
    }

    #[test]
    fn progress_takes_the_changes_before_it_along() {
        let [change, progress, reply] = [
            packet(b'h', b"a\0b\0"),
            packet(b'p', b""),
            packet(b'c', b""),
        ];
        assert_eq!(
            writes(&[
                change.clone(),
                progress.clone(),
                change.clone(),
                reply.clone()
            ]),
            [
                [&change[..], &progress].concat(),
                [&change[..], &reply].concat()
            ]
        );
    }

    #[test]
    fn no_more_waits_than_the_maximum() {
        let body = packet(b'b', &[b'x'; MAX_WAITING]);
        let changes = [body.clone(), body, packet(b'c', b"")];
        let writes = writes(&changes);
        assert!(writes.iter().all(|write| write.len() <= MAX_WAITING));
        assert_eq!(writes.len(), 3);
        assert_eq!(writes.concat(), changes.concat());
    }

    #[test]
    fn memory_is_given_back() {
        let mut replies = Replies::default();
        replies.take(&packet(b'b', &[b'x'; MAX_WAITING / 2]));
        replies.take(&packet(b'c', b""));
        replies.rest();
        replies.wrote(10);
        assert_eq!(replies.due().len(), MAX_WAITING / 2);
        replies.wrote(replies.due().len());
        assert!(replies.waiting.capacity() <= KEPT);
        replies.rest();
        assert_eq!(replies.waiting.capacity(), 0);
    }

    proptest! {
        #[test]
        fn whatever_is_written_arrives_however_it_is_cut(
            packets in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..40)), 0..20),
            cuts in prop::collection::vec(1usize..30, 1..50),
        ) {
            let octets: Vec<u8> = packets.iter().flat_map(|(command, payload)| packet(*command, payload)).collect();
            let mut replies = Replies::default();
            let mut sent = Vec::new();
            let mut rest = octets.as_slice();
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at(rest.len().min(*cut));
                replies.take(now);
                rest = later;
                sent.extend_from_slice(replies.due());
                replies.wrote(replies.due().len());
                if rest.is_empty() {
                    break;
                }
            }
            let last_waits = packets.last().is_some_and(|(command, _)| CHANGES.contains(command));
            prop_assert_eq!(last_waits, sent.len() < octets.len());
            sent.extend_from_slice(replies.unwritten());
            prop_assert_eq!(sent, octets);
        }
    }
}
