//! The pages of `observe.http`: HTTP/1 for a monitoring host that asks now and then, with tight limits for anybody else.

mod host;

use std::{convert::Infallible, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};

pub use self::host::Hosts;
use self::host::Misdirected;
use super::{Warnings, metrics::MEDIA_TYPE};

/// The maximum of open connections. One more is closed at once, so that none waits in the kernel.
const MAX_CONNECTIONS: usize = 16;
/// The maximum time for a client to send its request.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// The maximum time of a connection in all, also where its reader is slow.
const WHOLE_TIME: Duration = Duration::from_secs(10);
/// The maximum of a request's head, in octets; hyper takes no smaller value.
const MAX_HEAD: usize = 8192;
/// The maximum of lines in it.
const MAX_HEADERS: usize = 64;
/// The pause after a connection could not be accepted, mostly for want of descriptors.
const PAUSE: Duration = Duration::from_secs(1);

const PLAIN: &str = "text/plain; charset=utf-8";

/// Serves `/metrics`, which is made anew for each request, and `/healthz`, until it is dropped.
pub async fn serve_http(
    listener: TcpListener,
    hosts: &Arc<Hosts>,
    metrics: impl Fn() -> String + Send + Sync + 'static,
    warnings: &Arc<Warnings>,
) -> Infallible {
    let warn = |text: &str| warnings.warn("observe.http", text, Instant::now().into_std());
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let metrics = Arc::new(metrics);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn(&format!(
                    "a connection could not be accepted: {error}; trying again"
                ));
                sleep(PAUSE).await;
                continue;
            }
        };
        match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => {
                let metrics = Arc::clone(&metrics);
                let (hosts, warnings) = (Arc::clone(hosts), Arc::clone(warnings));
                tokio::spawn(async move {
                    let conversation = converse(stream, &hosts, &*metrics, &warnings);
                    // A client that asks for nothing, or goes away, is no fault of ours.
                    let _ = timeout(WHOLE_TIME, conversation).await;
                    drop(place);
                });
            }
            Err(_) => warn(&format!(
                "a connection was closed at once: {MAX_CONNECTIONS} are open, which is the maximum"
            )),
        }
    }
}

async fn converse(
    stream: TcpStream,
    hosts: &Hosts,
    metrics: &impl Fn() -> String,
    warnings: &Warnings,
) -> hyper::Result<()> {
    let service = service_fn(|request: Request<Incoming>| {
        let (uri, headers) = (request.uri(), request.headers());
        let response = match hosts.admit(request.version(), uri, headers) {
            Ok(()) => answer(request.method(), uri.path(), metrics),
            Err(why) => misdirected(&why, warnings),
        };
        async { Ok::<_, Infallible>(response) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

fn answer(method: &Method, path: &str, metrics: impl Fn() -> String) -> Response<Full<Bytes>> {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let (status, media_type, text) = match path {
        "/metrics" if reads => (StatusCode::OK, MEDIA_TYPE, metrics()),
        "/healthz" if reads => (StatusCode::OK, PLAIN, "ok\n".to_owned()),
        "/metrics" | "/healthz" => (
            StatusCode::METHOD_NOT_ALLOWED,
            PLAIN,
            "only GET and HEAD\n".to_owned(),
        ),
        _ => (
            StatusCode::NOT_FOUND,
            PLAIN,
            "there are /metrics and /healthz\n".to_owned(),
        ),
    };
    let mut response = page(status, media_type, text);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}

fn misdirected(why: &Misdirected, warnings: &Warnings) -> Response<Full<Bytes>> {
    if let Misdirected::Name(name) = why {
        let text = format!("refused a request for the host `{name}`; if it is yours, add it");
        warnings.warn("observe.hosts", &text, Instant::now().into_std());
    }
    page(why.status(), PLAIN, format!("{why}\n"))
}

fn page(status: StatusCode, media_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
