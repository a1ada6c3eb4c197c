//! Learns now and then which Message-IDs of forged mail other hosts have kept, and those of before a restart.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use crate::{cli::now, engine::Shared};

/// How often the store is asked.
const LOOK: Duration = Duration::from_secs(60);
/// The same until it has answered once.
const FIRST_LOOK: Duration = Duration::from_secs(2);

/// Asks forever.
pub(super) async fn follow(shared: Arc<Shared>) {
    let mut pause = FIRST_LOOK;
    loop {
        let engine = shared.engine.load_full();
        if let Some(store) = &engine.store
            && engine.forged.follow(&**store, now()).await.is_ok()
        {
            pause = LOOK;
        }
        drop(engine);
        sleep(pause).await;
    }
}
