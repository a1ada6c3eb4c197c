//! A filter that accepts everything: the floor that no filter on the same library can be below.

use std::{
    ffi::CString,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use lab::milter::wire::step;
use milter::{
    Actions, Callbacks, Config, ContextActions, EitherListener, EitherStream, Listener, MacroStage,
    ProtoOpts, Status,
};
use rustix::net::sockopt::set_tcp_quickack;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
};

/// What a floor negotiates and adds. The default negotiates nothing: every command is sent and answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floor {
    /// What it negotiates: what another filter did.
    pub agreed: Option<Agreed>,
    /// The headers that it adds on top at the end of each message, names and values, from the lowest up.
    pub headers: Vec<(String, String)>,
}

/// What a filter negotiated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreed {
    /// The protocol's flags.
    pub steps: u32,
    /// The changes that it may make.
    pub actions: u32,
    /// The macros that it wants at each stage, by the stage's number.
    pub macros: Vec<(u32, String)>,
}

impl Floor {
    /// Serves until the process ends.
    ///
    /// # Errors
    /// Connections can't be accepted.
    pub async fn serve(
        self,
        listener: EitherListener<TcpListener, UnixListener>,
    ) -> io::Result<()> {
        let config = Config {
            max_connections: 10_001,
            ..Config::default()
        };
        let end = std::future::pending::<()>();
        milter::run(AtOnce(listener), self.callbacks(), config, end).await
    }

    /// As Backstop's, every callback is a future on the heap; none does anything.
    fn callbacks(self) -> Callbacks<()> {
        let steps = self.agreed.as_ref().map_or(0, |agreed| agreed.steps);
        let status = move |flag: u32| match steps & flag {
            0 => Status::Continue,
            _ => Status::Noreply,
        };
        let body = match steps & step::SKIP {
            0 => status(step::NR_BODY),
            _ => Status::Skip,
        };
        let [connect, helo, mail, rcpt, data, header, eoh] = [
            step::NR_CONNECT,
            step::NR_HELO,
            step::NR_MAIL,
            step::NR_RCPT,
            step::NR_DATA,
            step::NR_HEADER,
            step::NR_END_OF_HEADERS,
        ]
        .map(status);
        let callbacks = Callbacks::new()
            .on_connect(move |_, _, _| Box::pin(async move { connect }))
            .on_helo(move |_, _| Box::pin(async move { helo }))
            .on_mail(move |_, _| Box::pin(async move { mail }))
            .on_rcpt(move |_, _| Box::pin(async move { rcpt }))
            .on_data(move |_| Box::pin(async move { data }))
            .on_header(move |_, _, _| Box::pin(async move { header }))
            .on_eoh(move |_| Box::pin(async move { eoh }))
            .on_body(move |_, _| Box::pin(async move { body }));
        adding(negotiating(callbacks, self.agreed), self.headers)
    }
}

fn negotiating(callbacks: Callbacks<()>, agreed: Option<Agreed>) -> Callbacks<()> {
    let Some(agreed) = agreed.map(Arc::new) else {
        return callbacks;
    };
    callbacks.on_negotiate(move |context, actions, opts| {
        let agreed = Arc::clone(&agreed);
        Box::pin(async move {
            context.requested_opts = opts & ProtoOpts::from_bits_truncate(agreed.steps);
            context.requested_actions = actions & Actions::from_bits_truncate(agreed.actions);
            for (stage, names) in &agreed.macros {
                if let (Some(stage), Ok(names)) = (stage_of(*stage), CString::new(names.as_str())) {
                    context.requested_macros.insert(stage, names);
                }
            }
            Status::Continue
        })
    })
}

fn stage_of(number: u32) -> Option<MacroStage> {
    Some(match number {
        0 => MacroStage::Connect,
        1 => MacroStage::Helo,
        2 => MacroStage::Mail,
        3 => MacroStage::Rcpt,
        4 => MacroStage::Data,
        5 => MacroStage::Eom,
        6 => MacroStage::Eoh,
        _ => return None,
    })
}

fn adding(callbacks: Callbacks<()>, headers: Vec<(String, String)>) -> Callbacks<()> {
    if headers.is_empty() {
        return callbacks;
    }
    let headers = Arc::new(headers);
    callbacks.on_eom(move |context| {
        let headers = Arc::clone(&headers);
        Box::pin(async move {
            for (name, value) in headers.iter() {
                let (Ok(name), Ok(value)) = (CString::new(&**name), CString::new(&**value)) else {
                    return Status::Tempfail;
                };
                if context.actions.insert_header(0, name, value).await.is_err() {
                    return Status::Tempfail;
                }
            }
            Status::Continue
        })
    })
}

/// Sends and acknowledges at once, as Backstop does: without, a change and the reply after it are 40 ms apart over TCP.
struct AtOnce(EitherListener<TcpListener, UnixListener>);

struct Stream(EitherStream<TcpStream, UnixStream>);

impl Stream {
    /// The kernel forgets it, so it is set again and again.
    fn acknowledge(&self) {
        if let EitherStream::Tcp(stream) = &self.0 {
            let _ = set_tcp_quickack(stream, true);
        }
    }
}

impl Listener for AtOnce {
    type Io = Stream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        let stream = Stream(ready!(self.0.poll_accept(cx))?);
        if let EitherStream::Tcp(stream) = &stream.0 {
            stream.set_nodelay(true)?;
        }
        stream.acknowledge();
        Poll::Ready(Ok(stream))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let read = ready!(Pin::new(&mut this.0).poll_read(cx, buf));
        this.acknowledge();
        Poll::Ready(read)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}
