//! `siege.accounts` of `milter.yaml`.

use serde::Deserialize;

use crate::core::pattern::AddressList;

/// `siege.accounts` of `milter.yaml`: what makes an account of ours suspected.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountSettings {
    /// How many proven bounces of one sender's mail within an hour are a flood at least: 5 to 100000.
    pub floor: u32,
    /// Senders of which that is usual: newsletters, mailing lists.
    pub except: AddressList,
}

impl Default for AccountSettings {
    fn default() -> Self {
        Self {
            // A mailing of a person brings a dozen bounces; mail by thousands, as an abused account sends it, hundreds.
            floor: 30,
            except: AddressList::default(),
        }
    }
}
