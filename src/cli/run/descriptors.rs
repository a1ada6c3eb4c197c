//! How many connections there may be: not so many that DNS, the store and the lists find no descriptor.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Far above the process limits of Postfix (100) and Sendmail, so that no connection waits.
const MAX_CONNECTIONS: u64 = 10_000;
/// What is kept for all else: questions to DNS that are under way have a socket each.
const RESERVED: u64 = 512;

/// The maximum of open connections. As many descriptors as it wants are allowed first, as far as the system lets us.
pub(super) fn max_connections() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return MAX_CONNECTIONS as usize;
    };
    let wanted = hard.min(MAX_CONNECTIONS + RESERVED);
    let raised = wanted > soft && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok();
    connections(if raised { wanted } else { soft }) as usize
}

fn connections(descriptors: u64) -> u64 {
    MAX_CONNECTIONS.min(descriptors - RESERVED.min(descriptors / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_left_for_dns() {
        for (descriptors, allowed) in [
            (0, 0),
            (64, 32),
            (1024, 512),
            (4096, 4096 - 512),
            (65_536, 10_000),
            (u64::MAX, 10_000),
        ] {
            assert_eq!(connections(descriptors), allowed);
        }
    }
}
