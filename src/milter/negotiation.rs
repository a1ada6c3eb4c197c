//! Negotiates with the MTA which stages, replies, changes and macros there are.

use milter::{Actions, MacroStage, NegotiateContext, ProtoOpts, Status};

use super::callbacks::Connection;
use crate::engine::Session;

/// Asks for what is used and no more: every reply that isn't needed is a round trip (NR_*), every stage that isn't
/// read is traffic (NO_*). It asks for recipients that the MTA refused (RCPT_REJ): they are the sign of a joe job.
pub(super) fn negotiate(
    context: &mut NegotiateContext<Box<Connection>>,
    session: Session,
    offered_actions: Actions,
    offered: ProtoOpts,
) -> Status {
    let mut wanted = ProtoOpts::NOREPLY_CONNECT
        | ProtoOpts::NOREPLY_HELO
        | ProtoOpts::NOREPLY_MAIL
        | ProtoOpts::NO_DATA
        | ProtoOpts::NOREPLY_HEADER
        | ProtoOpts::NO_BODY
        | ProtoOpts::SKIP
        | ProtoOpts::NO_UNKNOWN
        | ProtoOpts::REJECTED_RCPT;
    let (data, content) = session.stages();
    if data {
        wanted.remove(ProtoOpts::NO_DATA);
    }
    if content {
        wanted.remove(ProtoOpts::NO_BODY);
    } else {
        wanted.remove(ProtoOpts::SKIP);
    }
    let opts = wanted & offered;
    let actions = (Actions::ADD_HEADER
        | Actions::CHANGE_HEADER
        | Actions::DELETE_RCPT
        | Actions::ADD_RCPT
        | Actions::ADD_RCPT_EXT
        | Actions::CHANGE_SENDER
        | Actions::QUARANTINE)
        & offered_actions;
    context.requested_opts = opts;
    context.requested_actions = actions;
    if offered_actions.contains(Actions::REQUEST_MACROS) {
        context.requested_macros.extend([
            (
                MacroStage::Connect,
                c"j v {daemon_name} {client_addr}".to_owned(),
            ),
            (
                MacroStage::Mail,
                c"i f {auth_type} {auth_authen} {client_addr} {mail_addr}".to_owned(),
            ),
            (
                MacroStage::Rcpt,
                c"i {rcpt_mailer} {rcpt_host} {rcpt_addr}".to_owned(),
            ),
            (MacroStage::Eom, c"i".to_owned()),
        ]);
    }
    context.data = Some(Box::new(Connection::new(session, opts, actions)));
    Status::Continue
}
