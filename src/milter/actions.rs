//! Asks the MTA for the changes at the end of a message.

use std::ffi::CString;

use milter::{Actions, ContextActions};

use crate::core::{
    message::{Ending, Readded},
    proof::watermark,
    trace_header::Deletion,
};

/// Changes that the MTA does not offer are left out: such mail is delivered rather than lost.
pub(super) async fn apply(
    actions: &impl ContextActions,
    offered: Actions,
    ending: &Ending,
) -> Result<(), milter::ActionError> {
    if ending.discard {
        return Ok(());
    }
    if offered.contains(Actions::DELETE_RCPT) {
        for path in ending
            .delete_recipients
            .iter()
            .filter_map(|path| CString::new(path.clone()).ok())
        {
            actions.delete_recipient(path).await?;
        }
    }
    readd(actions, offered, &ending.readd_recipients).await?;
    if let Some(sender) = ending.change_sender.as_deref().and_then(path) {
        actions.change_sender(sender, None::<CString>).await?;
    }
    if offered.contains(Actions::CHANGE_HEADER) {
        for Deletion { name, index } in &ending.delete_headers {
            if let (Ok(name), Ok(index)) = (CString::new(name.clone()), i32::try_from(*index)) {
                actions.change_header(name, index, None::<CString>).await?;
            }
        }
    }
    if offered.contains(Actions::ADD_HEADER) {
        // Each goes to the top, so the lowest is the first. At 0 both Postfix and Sendmail put it above the Received: that
        // they write themselves, where RFC 7208 section 9.1 wants Received-SPF; at 1, below it.
        for (name, value) in ending.insert_headers.iter().rev() {
            actions.insert_header(0, text(name), text(value)).await?;
        }
    }
    if let Some(watermark) = ending
        .watermark
        .as_deref()
        .filter(|_| offered.contains(Actions::ADD_HEADER))
    {
        // High up, because a bounce can return only the first headers; but the trace stays on top (RFC 5321 section 4.4).
        let name = text(watermark::HEADER);
        actions.insert_header(1, name, text(watermark)).await?;
    }
    if let Some(reason) = ending
        .quarantine
        .filter(|_| offered.contains(Actions::QUARANTINE))
    {
        actions
            .quarantine(text(&format!("backstop: {reason}")))
            .await?;
    }
    Ok(())
}

/// Deletes first, then adds: an MTA for which both are one mailbox would otherwise delete what was added. Where one of the
/// two is not offered, the recipient stays as it was.
async fn readd(
    actions: &impl ContextActions,
    offered: Actions,
    recipients: &[Readded],
) -> Result<(), milter::ActionError> {
    let extended = offered.contains(Actions::ADD_RCPT_EXT);
    if !offered.contains(Actions::DELETE_RCPT) || !(extended || offered.contains(Actions::ADD_RCPT))
    {
        return Ok(());
    }
    for recipient in recipients {
        let (Ok(former), Some(address), Ok(parameters)) = (
            CString::new(recipient.path.clone()),
            path(&recipient.address),
            CString::new(recipient.parameters.clone()),
        ) else {
            continue;
        };
        actions.delete_recipient(former).await?;
        if extended && !parameters.is_empty() {
            actions.add_recipient_ext(address, Some(parameters)).await?;
        } else {
            actions.add_recipient(address).await?;
        }
    }
    Ok(())
}

/// The address in angle brackets; none where it holds a NUL, which no MTA accepts.
fn path(address: &[u8]) -> Option<CString> {
    CString::new([b"<", address, b">"].concat()).ok()
}

/// Text of ours as the protocol wants it; empty where it holds a NUL.
pub(super) fn text(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}
