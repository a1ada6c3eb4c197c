//! The milter callbacks: they translate, and decide nothing.

use std::{
    ffi::{CStr, CString},
    future::Future,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use milter::{Actions, Callbacks, Context, EomContext, ProtoOpts, SocketInfo, Status};

use super::{actions::apply, macros, negotiation::negotiate, reply::answer};
use crate::{
    core::{
        envelope::{Client, Peer},
        message::{Negotiated, RcptTo},
        mta::Mta,
        reply::Reply,
        understood::MtaMacros,
        verdict::Verdict,
    },
    engine::{QueueId, Session, Shared},
};

/// How long one callback can take: less than the 30 s that Postfix waits for an answer (milter_command_timeout).
const CALLBACK_LIMIT: Duration = Duration::from_secs(27);
/// The log's words for a bug of ours.
const PANICKED: &str = "a callback panicked; its message gets 451";

/// What one connection of the MTA carries from callback to callback.
pub struct Connection {
    session: Session,
    /// What was negotiated.
    opts: ProtoOpts,
    actions: Actions,
    /// Which MTA it is, as far as it said so by MAIL.
    mta: Mta,
    /// CONNECT or HELO failed by our own fault, where no answer could be given. The client is not known then, so the
    /// recipients of all its messages get 451.
    session_failed: bool,
    /// Likewise MAIL, for this message.
    mail_failed: bool,
}

impl Connection {
    pub(super) fn new(session: Session, opts: ProtoOpts, actions: Actions) -> Self {
        Self {
            session,
            opts,
            actions,
            mta: Mta::Unknown,
            session_failed: false,
            mail_failed: false,
        }
    }
}

/// The callbacks for sessions that share this state.
pub fn callbacks(shared: &Arc<Shared>) -> Callbacks<Box<Connection>> {
    let shared = Arc::clone(shared);
    Callbacks::new()
        .on_negotiate(move |context, actions, opts| {
            let session = Session::new(Arc::clone(&shared));
            Box::pin(async move { negotiate(context, session, actions, opts) })
        })
        .on_connect(|context, name, client| {
            Box::pin(async move {
                quiet(context, ProtoOpts::NOREPLY_CONNECT, |context| {
                    connect(context, &name, &client)
                })
            })
        })
        .on_helo(|context, name| {
            Box::pin(async move {
                quiet(context, ProtoOpts::NOREPLY_HELO, |context| {
                    if let Some(connection) = &mut context.data {
                        connection.session.helo(name.into_bytes());
                    }
                })
            })
        })
        .on_mail(|context, args| {
            Box::pin(async move {
                quiet(context, ProtoOpts::NOREPLY_MAIL, |context| {
                    mail(context, &args)
                })
            })
        })
        .on_rcpt(|context, args| Box::pin(rcpt(context, args)))
        .on_data(|context| Box::pin(data(context)))
        .on_header(|context, name, value| {
            Box::pin(async move {
                quiet(context, ProtoOpts::NOREPLY_HEADER, |context| {
                    if let Some(connection) = &mut context.data {
                        connection.session.header(name.as_bytes(), value.as_bytes());
                    }
                })
            })
        })
        .on_eoh(|context| Box::pin(end_of_headers(context)))
        .on_body(|context, part| Box::pin(async move { body(context, &part) }))
        .on_eom(|context| Box::pin(end_of_message(context)))
        .on_abort(|context| Box::pin(async move { abandon(context) }))
        .on_close(|context| Box::pin(async move { abandon(context) }))
}

/// Runs a callback that never refuses. A panic of ours must not end the session: it is remembered, and answered
/// at the next stage that can answer.
fn quiet(
    context: &mut Context<Box<Connection>>,
    noreply: ProtoOpts,
    callback: impl FnOnce(&mut Context<Box<Connection>>),
) -> Status {
    let failed = std::panic::catch_unwind(AssertUnwindSafe(|| callback(context))).is_err();
    match &mut context.data {
        Some(connection) => {
            if failed {
                match noreply {
                    ProtoOpts::NOREPLY_MAIL | ProtoOpts::NOREPLY_HEADER => {
                        connection.mail_failed = true;
                    }
                    _ => connection.session_failed = true,
                }
                warn(connection, "internal", PANICKED);
            }
            if connection.opts.contains(noreply) {
                Status::Noreply
            } else {
                Status::Continue
            }
        }
        None => Status::Continue,
    }
}

fn connect(context: &mut Context<Box<Connection>>, name: &CStr, client: &SocketInfo) {
    let peer = match client {
        SocketInfo::Inet(address) => Peer::Inet(*address),
        SocketInfo::Unix(_) => Peer::Unix,
        SocketInfo::Unknown => Peer::Unknown,
    };
    // Each macro is looked for in those of all stages; this one says no more than an address of CONNECT does.
    let client_addr = match peer {
        Peer::Inet(_) => None,
        Peer::Unix | Peer::Unknown => macros::value(&context.macros, c"{client_addr}"),
    };
    let mut client = Client {
        daemon: macros::value(&context.macros, c"{daemon_name}"),
        ..Client::connected(name.to_bytes(), peer, client_addr.as_deref())
    };
    // Sendmail gives a name that does not lead back to the address, too, and says so here.
    let shown = macros::value(&context.macros, c"_").unwrap_or_default();
    if shown.ends_with(b"(may be forged)") {
        client.name = None;
    }
    let receiver =
        macros::value(&context.macros, c"j").and_then(|name| String::from_utf8(name).ok());
    if let Some(connection) = &mut context.data {
        connection.session_failed = false;
        connection.session.connect(client, receiver);
    }
}

fn mail(context: &mut Context<Box<Connection>>, args: &[CString]) {
    let path = args.first().map(|path| path.as_bytes()).unwrap_or_default();
    // Postfix and Sendmail send neither for a client that did not log in.
    let login = macros::value(&context.macros, c"{auth_authen}")
        .or_else(|| macros::value(&context.macros, c"{auth_type}"));
    let client_addr = || macros::value(&context.macros, c"{client_addr}");
    if let Some(connection) = &mut context.data {
        connection.mail_failed = false;
        connection.mta = macros::mta(&context.macros);
        let macros = macros::of_mail(&context.macros, connection.mta);
        connection.session.mail(path, macros, login, client_addr);
    }
}

async fn rcpt(context: &mut Context<Box<Connection>>, args: Vec<CString>) -> Status {
    let path = args.first().map(|path| path.as_bytes()).unwrap_or_default();
    let parameters: Vec<&[u8]> = args.iter().skip(1).map(|arg| arg.as_bytes()).collect();
    let parameters = parameters.join(&b' ');
    let refused = refused(context);
    let queue_id = || macros::value(&context.macros, c"i");
    let Some(connection) = &mut context.data else {
        return Status::Tempfail;
    };
    let macros = match refused {
        None => macros::of_rcpt(&context.macros, connection.mta),
        Some(_) => MtaMacros::default(),
    };
    let rcpt = RcptTo {
        recipient: connection.session.recipient(path, macros, refused),
        path: path.to_vec(),
        parameters,
    };
    let session = &mut connection.session;
    let reply = if session.is_stopping() {
        session.rcpt_stopped(&rcpt, &queue_id)
    } else if connection.session_failed || connection.mail_failed {
        session.rcpt_failed(&rcpt, &queue_id)
    } else {
        match within_limits(session.rcpt(&rcpt, &queue_id)).await {
            Ok(reply) => reply,
            Err(why) => {
                warn(connection, "internal", why);
                let session = &mut connection.session;
                session.rcpt_failed(&rcpt, &queue_id)
            }
        }
    };
    reply.map_or(Status::Continue, |reply| answer(&mut context.reply, &reply))
}

async fn data(context: &mut Context<Box<Connection>>) -> Status {
    let queue_id = || macros::value(&context.macros, c"i");
    let Some(connection) = &mut context.data else {
        return Status::Continue;
    };
    let reply = match without_judging(connection, &queue_id) {
        Some(reply) => reply,
        None => {
            let judged = connection.session.data(&queue_id);
            let judged = within_limits(judged).await;
            or_failed(connection, judged, &queue_id)
        }
    };
    reply.map_or(Status::Continue, |reply| answer(&mut context.reply, &reply))
}

async fn end_of_headers(context: &mut Context<Box<Connection>>) -> Status {
    let queue_id = || macros::value(&context.macros, c"i");
    let Some(connection) = &mut context.data else {
        return Status::Continue;
    };
    let reply = match without_judging(connection, &queue_id) {
        Some(reply) => reply,
        None => {
            let content_comes = !connection.opts.contains(ProtoOpts::NO_BODY);
            let session = &mut connection.session;
            let judged = session.end_of_headers(content_comes, &queue_id);
            let judged = within_limits(judged).await;
            or_failed(connection, judged, &queue_id)
        }
    };
    reply.map_or(Status::Continue, |reply| answer(&mut context.reply, &reply))
}

/// Where SKIP was not negotiated, each further chunk is answered and dropped.
fn body(context: &mut Context<Box<Connection>>, part: &[u8]) -> Status {
    let Some(connection) = &mut context.data else {
        return Status::Continue;
    };
    let session = &mut connection.session;
    if session.is_stopping() {
        let reply = session.message_stopped(&|| macros::value(&context.macros, c"i"));
        return reply.map_or(Status::Tempfail, |reply| answer(&mut context.reply, &reply));
    }
    let more = std::panic::catch_unwind(AssertUnwindSafe(|| session.body(part)));
    let more = more.unwrap_or_else(|_| {
        connection.mail_failed = true;
        warn(connection, "internal", PANICKED);
        false
    });
    if !more && connection.opts.contains(ProtoOpts::SKIP) {
        Status::Skip
    } else {
        Status::Continue
    }
}

async fn end_of_message(context: &mut EomContext<Box<Connection>>) -> Status {
    let queue_id = || macros::value(&context.macros, c"i");
    let Some(connection) = &mut context.data else {
        return Status::Continue;
    };
    let judged = match without_judging(connection, &queue_id) {
        Some(reply) => Ok(reply),
        None => within_limits(connection.session.end_of_content(&queue_id)).await,
    };
    if let Some(reply) = or_failed(connection, judged, &queue_id) {
        return answer(&mut context.reply, &reply);
    }
    let negotiated = Negotiated {
        change_sender: connection.actions.contains(Actions::CHANGE_SENDER),
        add_header: connection.actions.contains(Actions::ADD_HEADER),
        // Sendmail (8.17) knows a recipient again that was taken off, and adds what is asked for now to what was.
        change_recipients: connection.mta != Mta::Sendmail
            && connection
                .actions
                .contains(Actions::DELETE_RCPT | Actions::ADD_RCPT_EXT),
    };
    let session = &mut connection.session;
    let ended = async {
        let ending = session.end_of_message(negotiated, &queue_id).await;
        let applied = apply(&context.actions, connection.actions, &ending).await;
        applied.map(|()| ending.discard)
    };
    let failed = match within_limits(ended).await {
        Ok(Ok(true)) => return Status::Discard,
        Ok(Ok(false)) => return Status::Continue,
        Ok(Err(error)) => error.to_string(),
        Err(why) => why.to_owned(),
    };
    warn(connection, "end of message", &failed);
    match Reply::to(&Verdict::internal(), None) {
        Some(reply) => answer(&mut context.reply, &reply),
        None => Status::Tempfail,
    }
}

fn abandon(context: &mut Context<Box<Connection>>) -> Status {
    let queue_id = || macros::value(&context.macros, c"i");
    if let Some(connection) = &mut context.data {
        connection.session.abandon(&queue_id);
    }
    Status::Continue
}

/// What to answer to the message, where it is not judged: the daemon ends, or MAIL failed by our own fault. A message whose
/// end has come before the daemon's is judged.
fn without_judging(connection: &mut Connection, queue_id: QueueId<'_>) -> Option<Option<Reply>> {
    let session = &mut connection.session;
    if session.is_stopping() {
        return Some(session.message_stopped(queue_id));
    }
    let failed = connection.mail_failed;
    failed.then(|| session.message_failed(queue_id))
}

/// The judgement; where judging failed by our own fault, the answer to that.
fn or_failed(
    connection: &mut Connection,
    judged: Result<Option<Reply>, &'static str>,
    queue_id: QueueId<'_>,
) -> Option<Reply> {
    judged.unwrap_or_else(|why| {
        warn(connection, "internal", why);
        connection.session.message_failed(queue_id)
    })
}

/// Runs a future to its end, unless it panics or takes longer than the MTA would wait.
async fn within_limits<T>(work: impl Future<Output = T>) -> Result<T, &'static str> {
    match tokio::time::timeout(CALLBACK_LIMIT, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_panic)) => Err(PANICKED),
        Err(_elapsed) => Err("a callback took longer than the MTA waits; its message gets 451"),
    }
}

/// Whether the MTA has refused the recipient itself, and how.
fn refused(context: &Context<Box<Connection>>) -> Option<String> {
    let connection = context.data.as_ref()?;
    if !connection.opts.contains(ProtoOpts::REJECTED_RCPT) {
        return None;
    }
    macros::refused_by_mta(&context.macros, connection.mta)
}

fn warn(connection: &Connection, kind: &'static str, text: &str) {
    connection
        .session
        .shared()
        .warnings
        .warn(kind, text, Instant::now());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_answer_not_an_end() {
        #[allow(clippy::panic)]
        let failed = within_limits(async { panic!("a bug of ours") }).await;
        let _: &str = Result::<(), _>::unwrap_err(failed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_callback_ends_before_the_mta_gives_up() {
        let begun = tokio::time::Instant::now();
        assert!(within_limits(std::future::pending::<()>()).await.is_err());
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
}
