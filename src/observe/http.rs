//! The pages of `observe.http`: HTTP/1 for a monitoring host that asks now and then, with tight limits for anybody else.

mod host;
mod socket;

use std::{convert::Infallible, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{
        ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
        REFERRER_POLICY, REFRESH, X_CONTENT_TYPE_OPTIONS,
    },
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};

pub use self::{host::Hosts, socket::HttpSocket};
use self::{host::Misdirected, socket::Visitor};
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
const HTML: &str = "text/html; charset=utf-8";
/// Fetch standard, section 3.6.
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// What is served: each is made anew for each request.
pub trait Pages: Send + Sync + 'static {
    /// All numbers, in Prometheus' text format.
    fn metrics(&self) -> String;

    /// Whether mail can be sent here.
    fn readiness(&self) -> impl Future<Output = Readiness> + Send;

    /// The status page.
    fn status(&self) -> impl Future<Output = StatusPage> + Send;
}

/// Whether mail can be sent here, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Whether this host answers mail as well as any other could.
    pub is_ready: bool,
    /// The same in lines.
    pub text: String,
}

/// A page for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusPage {
    /// The HTML.
    pub html: String,
    /// Its Content-Security-Policy.
    pub policy: String,
    /// How soon it is to be loaded again.
    pub refresh: Duration,
}

/// Serves the pages until it is dropped. Who comes by another address of this host than a loopback one gets no status page: it
/// is for those who may log in here.
pub async fn serve_http(
    socket: &HttpSocket,
    hosts: &Arc<Hosts>,
    pages: Arc<impl Pages>,
    warnings: &Arc<Warnings>,
) -> Infallible {
    let warn = |text: &str| warnings.warn("observe.http", text, Instant::now().into_std());
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let visitor = match socket.accept().await {
            Ok(visitor) => visitor,
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
                let (pages, hosts) = (Arc::clone(&pages), Arc::clone(hosts));
                let warnings = Arc::clone(warnings);
                tokio::spawn(async move {
                    let conversation = converse(visitor, &hosts, &*pages, &warnings);
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
    visitor: Visitor,
    hosts: &Hosts,
    pages: &impl Pages,
    warnings: &Warnings,
) -> hyper::Result<()> {
    let Visitor { stream, is_near } = visitor;
    let service = service_fn(async |request: Request<Incoming>| {
        let (uri, headers) = (request.uri(), request.headers());
        let response = match hosts.admit(request.version(), uri, headers) {
            Ok(()) => answer(request.method(), uri.path(), is_near, pages).await,
            Err(why) => misdirected(&why, warnings),
        };
        Ok::<_, Infallible>(response)
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

async fn answer(
    method: &Method,
    path: &str,
    is_near: bool,
    pages: &impl Pages,
) -> Response<Full<Bytes>> {
    if !matches!(path, "/" | "/metrics" | "/healthz" | "/readyz") {
        let there = "there are /, /metrics, /healthz and /readyz\n";
        return plain(StatusCode::NOT_FOUND, there);
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    match path {
        "/metrics" => page(StatusCode::OK, MEDIA_TYPE, pages.metrics()),
        "/healthz" => plain(StatusCode::OK, "ok\n"),
        "/readyz" => {
            let Readiness { is_ready, text } = pages.readiness().await;
            let status = match is_ready {
                true => StatusCode::OK,
                false => StatusCode::SERVICE_UNAVAILABLE,
            };
            plain(status, text)
        }
        _ if is_near => status_page(pages.status().await),
        _ => plain(
            StatusCode::FORBIDDEN,
            "the status page is shown on loopback alone: use http://127.0.0.1 on this host, or ssh -L\n",
        ),
    }
}

fn status_page(status: StatusPage) -> Response<Full<Bytes>> {
    let mut response = page(StatusCode::OK, HTML, status.html);
    let headers = response.headers_mut();
    // A page must not be shown within another, which only a header can say.
    let policy = format!("{}; frame-ancestors 'none'", status.policy);
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(REFRESH, HeaderValue::from(status.refresh.as_secs()));
    response
}

fn misdirected(why: &Misdirected, warnings: &Warnings) -> Response<Full<Bytes>> {
    if let Misdirected::Name(name) = why {
        let text = format!("refused a request for the host `{name}`; if it is yours, add it");
        warnings.warn("observe.hosts", &text, Instant::now().into_std());
    }
    plain(why.status(), format!("{why}\n"))
}

fn plain(status: StatusCode, text: impl Into<String>) -> Response<Full<Bytes>> {
    page(status, PLAIN, text.into())
}

fn page(status: StatusCode, media_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, media_type),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        // No other page may use what is here, not even as a picture.
        (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
