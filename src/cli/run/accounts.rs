//! Looks now and then whether somebody abuses an account. Each change is logged, and runs the command of `siege.notify`.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use tokio::time::sleep;

use super::notices::{Notice, Notices};
use crate::{
    core::{account::AccountChange, policy::Policy},
    engine::{AccountNews, AccountRounds, Shared},
};

/// How often it is looked, unless this host alone has counted a flood.
const ROUND: Duration = Duration::from_secs(20);
/// What an account is called that is not suspected, and one that is.
const STATES: [&str; 2] = ["calm", "account_suspected"];

/// Runs rounds forever.
pub(super) async fn watch(shared: Arc<Shared>, notices: Notices) {
    let accounts = Arc::clone(&shared.engine.load().accounts);
    let mut rounds = AccountRounds::new(Arc::clone(&accounts));
    loop {
        let engine = shared.engine.load_full();
        let now = UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
        let (policy, store) = (&engine.policy, engine.store.as_deref());
        for news in rounds.round(policy, store, now).await {
            announce(policy, &news, &notices);
        }
        drop(engine);
        tokio::select! {
            () = sleep(ROUND) => {}
            () = accounts.due() => {
                let engine = shared.engine.load_full();
                if let Some(store) = &engine.store {
                    store.flush().await;
                }
            }
        }
    }
}

fn announce(policy: &Policy, news: &AccountNews, notices: &Notices) {
    let AccountNews { change, is_known } = news;
    let elsewhere = match is_known {
        true => ", as another host has told",
        false => "",
    };
    let line = format!("{change}{elsewhere}");
    log::warn!("{line}");
    if *is_known {
        return;
    }
    let [calm, suspected] = STATES.map(str::to_owned);
    let (from, to) = match change {
        AccountChange::Begun(_) => (calm, suspected),
        AccountChange::Over { .. } => (suspected, calm),
    };
    let (account, domain) = change.account();
    notices.send(Notice {
        argv: policy.siege.notify.clone(),
        line,
        variables: vec![
            ("BACKSTOP_ACCOUNT", account.to_owned()),
            ("BACKSTOP_DOMAIN", domain.to_owned()),
            ("BACKSTOP_FROM", from),
            ("BACKSTOP_TO", to),
        ],
    });
}
