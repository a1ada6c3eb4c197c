//! Looks up what a domain publishes for DMARC.

use futures_util::future::try_join_all;

use crate::{
    core::{
        address::Domain,
        dmarc::{Published, Record, names, published},
        outside::Unanswered,
    },
    spf::Lookup,
};

/// What holds for the mail of this author's domain; none where nothing is published. The records on the way up are asked
/// for side by side, eight at most.
pub(super) async fn dmarc(
    author: &Domain,
    lookup: &impl Lookup,
) -> Result<Option<Published>, Unanswered> {
    let names = names(author);
    let asked = names.iter().map(|name| async move {
        let texts = lookup.txt(&format!("_dmarc.{name}")).await?;
        Ok::<_, Unanswered>(Record::read(&texts))
    });
    let records = try_join_all(asked).await?;
    Ok(published(&names, &records))
}
