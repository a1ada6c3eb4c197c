//! Hands the listener and the callbacks to the milter crate.

use std::{io, sync::Arc};

use super::{Listener, callbacks::callbacks};
use crate::engine::Shared;

/// Serves until `end` completes, then lets running callbacks finish. `limit` is the listener's own limit of
/// connections.
///
/// # Errors
/// When the listener can't accept any more; ours never says so.
pub async fn serve(
    listener: Listener,
    shared: &Arc<Shared>,
    limit: usize,
    end: impl Future<Output = ()>,
) -> io::Result<()> {
    // One above ours, so that the milter crate never lets a client hang in the backlog.
    let config = milter::Config {
        max_connections: limit + 1,
        ..milter::Config::default()
    };
    milter::run(listener, callbacks(shared), config, end).await
}
