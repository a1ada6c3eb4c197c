//! Runs the milter crate with our listener and callbacks.

use std::{io, sync::Arc};

use super::{Listener, callbacks::callbacks};
use crate::engine::Shared;

/// Serves until `end` completes, then lets running callbacks finish. `limit` is the listener's own limit of
/// connections.
///
/// # Errors
/// The listener can't accept any more; ours never says so.
pub async fn serve(
    listener: Listener,
    shared: &Arc<Shared>,
    limit: usize,
    end: impl Future<Output = ()>,
) -> io::Result<()> {
    // One more than our own limit: at its maximum the milter crate stops accepting, and clients hang in the backlog.
    let config = milter::Config {
        max_connections: limit + 1,
        ..milter::Config::default()
    };
    milter::run(listener, callbacks(shared), config, end).await
}
