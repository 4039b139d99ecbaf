//! The HTTP server: accepts connections on a loopback port and turns each request into work for
//! the engine.
//!
//! Invariants. It listens on 127.0.0.1 only. The engine starts before the port opens and stops
//! after it closes, so a front that has an address answers. Engine calls block, so each runs on a
//! thread that may block; the server's own thread never waits for one.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::sync::{mpsc, oneshot};

use crate::engine::Engine;
use crate::errors::Refusal;
use crate::request::Call;
use crate::work::{self, Piece, Reply};

/// Time given to statements still running when the front stops.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// What may be chosen about a front.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The port; 0 takes a free one.
    pub port: u16,
    /// The one user and password let in; without it everybody is.
    pub login: Option<(String, String)>,
}

/// A running front. Stops when dropped.
pub struct Front {
    url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    engine: Option<Arc<Engine>>,
}

impl Front {
    /// Starts the engine of the library `lib_path` on `data_dir` and serves it on a free port.
    pub fn start(lib_path: &Path, data_dir: &Path) -> io::Result<Self> {
        Self::start_with(lib_path, data_dir, Options::default())
    }

    /// Starts with options.
    pub fn start_with(lib_path: &Path, data_dir: &Path, options: Options) -> io::Result<Self> {
        let engine = Arc::new(Engine::start(lib_path, data_dir)?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::new(Shared { engine: engine.clone(), login: options.login });
        let thread = std::thread::Builder::new().name("chfront".to_owned()).spawn(move || {
            if let Err(e) = runtime.block_on(accept(listener, shared, stopped)) {
                eprintln!("chfront: {e}");
            }
            runtime.shutdown_timeout(STOP_WAIT);
        })?;
        Ok(Self { url, stop: Some(stop), thread: Some(thread), engine: Some(engine) })
    }

    /// The address to give to a client, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops serving and leaves the data directory. The process may start another front.
    pub fn stop(mut self) {
        self.close();
    }

    /// Stops serving and ends the engine for the rest of the process.
    pub fn shutdown(mut self) {
        if let Some(engine) = self.close().and_then(Arc::into_inner) {
            engine.shutdown();
        }
    }

    fn close(&mut self) -> Option<Arc<Engine>> {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            // Its panic has been printed.
            let _ = thread.join();
        }
        crate::engine::leave_at_once_on_exit();
        self.engine.take()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.close();
    }
}

struct Shared {
    engine: Arc<Engine>,
    login: Option<(String, String)>,
}

async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    mut stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let next = std::future::poll_fn(|cx| match Pin::new(&mut stopped).poll(cx) {
            Poll::Ready(_) => Poll::Ready(None),
            Poll::Pending => listener.poll_accept(cx).map(Some),
        });
        let Some(accepted) = next.await else {
            return Ok(());
        };
        let (socket, _) = accepted?;
        socket.set_nodelay(true)?;
        let shared = shared.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| respond(request, shared.clone()));
            // A connection ends in an error when a client leaves or an answer is cut off; both
            // are part of the tests.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

async fn respond(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Pieces>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let asks = parts.uri.query().unwrap_or_default();
    if parts.uri.path() == "/ping" || (parts.method == hyper::Method::GET && asks.is_empty()) {
        return Ok(response(plain("Ok.\n")));
    }
    // A body cut short ends here: none of it reaches the engine.
    let body = body.collect().await?.to_bytes();
    let reply = match Call::read(&parts, &body).and_then(|call| shared.admit(call)) {
        Ok(call) => run(&shared.engine, call).await,
        Err(refusal) => work::refuse(&refusal, shared.engine.version(), &work::random_id()),
    };
    Ok(response(reply))
}

async fn run(engine: &Arc<Engine>, mut call: Call) -> Reply {
    if call.query_id.is_empty() {
        call.query_id = work::random_id();
    }
    let query_id = call.query_id.clone();
    let (sender, receiver) = oneshot::channel();
    let worker = engine.clone();
    tokio::task::spawn_blocking(move || {
        work::run(&worker, call, sender);
        crate::engine::leave_at_once_on_exit();
    });
    receiver.await.unwrap_or_else(|_| {
        let lost = Refusal::new(1002, "The front lost its worker", "UNKNOWN_EXCEPTION");
        work::refuse(&lost, engine.version(), &query_id)
    })
}

impl Shared {
    fn admit(&self, call: Call) -> Result<Call, Refusal> {
        match &self.login {
            Some((user, password)) if (user, password) != (&call.user, &call.password) => {
                let text = format!(
                    "{}: Authentication failed: password is incorrect, or there is no user with \
                     such name",
                    call.user
                );
                Err(Refusal::new(516, &text, "AUTHENTICATION_FAILED"))
            }
            _ => Ok(call),
        }
    }
}

fn plain(text: &'static str) -> Reply {
    let (sender, body) = mpsc::channel(1);
    // A fresh channel has room for one.
    let _ = sender.try_send(Ok(Bytes::from_static(text.as_bytes())));
    let headers = vec![("Content-Type", "text/html; charset=UTF-8".to_owned())];
    Reply { status: StatusCode::OK, headers, body }
}

fn response(reply: Reply) -> Response<Pieces> {
    let mut builder = Response::builder()
        .status(reply.status)
        .header("X-ClickHouse-Server-Display-Name", "chfront");
    for (name, value) in reply.headers {
        builder = builder.header(name, value);
    }
    builder.body(Pieces(Some(reply.body))).unwrap_or_else(|e| {
        // Only a header can be wrong, and only a query name or format comes from outside.
        eprintln!("chfront: {e}");
        let mut response = Response::new(Pieces(None));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response
    })
}

/// A body that arrives in pieces.
struct Pieces(Option<mpsc::Receiver<Piece>>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut self.0 {
            Some(pieces) => pieces.poll_recv(cx).map(|p| p.map(|p| p.map(Frame::data))),
            None => Poll::Ready(None),
        }
    }
}
