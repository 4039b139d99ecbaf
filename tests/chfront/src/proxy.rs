//! A proxy that breaks connections: it stands between a client and the front, or any server of HTTP/1.1, and strikes at
//! stated bytes of stated requests.
//!
//! Who starts it gives a plan: a function that sees each request and answers with the faults that strike it. Every
//! request and every strike is noted, so a test can say which of them were in the middle of a transfer.
//!
//! Invariants. A connection carries one request, so a fault never leaks into the next. Faults count bytes of bodies, not of
//! heads nor of the lengths of chunks, so a damaged byte is always data. What is not struck passes unchanged. A
//! strike happens before the byte that it names is passed on, and only if there is such a byte.

use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::SockRef;

use crate::framing::{Framed, Head, decoded, in_body};

/// How often a waiting thread looks whether it should go on.
const LOOK_UP: Duration = Duration::from_millis(2);
/// Bytes of a request's body that are looked at for its query.
const PEEK_BYTES: usize = 16 << 10;

/// Where in an exchange a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The request has come and nothing of it went on.
    Head,
    /// So many bytes of the request's body went on.
    Body(u64),
    /// The server has answered and so many bytes of its answer's body went on; at 0 the status did not either.
    Answer(u64),
    /// The whole answer went on.
    Answered,
}

/// What happens there.
pub enum Act {
    /// Both connections end in a reset.
    Reset,
    /// Both connections are closed as if all were well.
    Close,
    /// Nothing more passes until the client goes away.
    Stall,
    /// From here on a byte each so often.
    Trickle(Duration),
    /// Nothing passes for so long, then all goes on.
    Delay(Duration),
    /// One bit of the next byte is another.
    Flip,
    /// This text stands in the answer instead of its rest, as an exception does; then the connection is closed.
    Text(String),
    /// The client gets this status and body, and nothing more from the server.
    Status(u16, String),
    /// A reset, and nobody listens for so long.
    Down(Duration),
    /// This is run, and all goes on.
    Call(Box<dyn FnOnce() + Send>),
}

/// A fault.
pub struct Fault(pub At, pub Act);

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Counted from 1.
    pub number: usize,
    /// `POST` or another.
    pub method: String,
    /// Path and parameters, as they came.
    pub target: String,
    /// The query, wherever it stands; cut where it is long.
    pub query: String,
}

/// A strike.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The request.
    pub asked: Asked,
    /// Where.
    pub at: At,
    /// The name of what happened.
    pub act: String,
    /// Whether some bytes of that body had passed and some had not.
    pub is_open: bool,
}

/// Where the server behind a proxy is, `http://host:port`; empty where there is none now. Looked up for each request.
pub type Upstream = Arc<Mutex<String>>;

type Plan = dyn FnMut(&Asked) -> Vec<Fault> + Send;

/// A running proxy. Stops when dropped.
pub struct Proxy {
    url: String,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    upstream: Upstream,
    plan: Mutex<Box<Plan>>,
    tls: Option<Arc<ServerConfig>>,
    asked: Mutex<Vec<Asked>>,
    hits: Mutex<Vec<Hit>>,
    whole: Mutex<Vec<(Asked, u64)>>,
    down_until: Mutex<Option<Instant>>,
    count: AtomicUsize,
    is_stopped: AtomicBool,
}

impl Proxy {
    /// Starts a proxy in front of the server at `upstream`, `http://host:port`.
    pub fn start(
        upstream: &str,
        plan: impl FnMut(&Asked) -> Vec<Fault> + Send + 'static,
    ) -> io::Result<Self> {
        Self::start_with(upstream, plan, None)
    }

    /// Starts one in front of a server that may come back at another address.
    pub fn start_before(
        upstream: &Upstream,
        plan: impl FnMut(&Asked) -> Vec<Fault> + Send + 'static,
    ) -> io::Result<Self> {
        Self::begin(upstream.clone(), plan, None)
    }

    /// Starts one that speaks https to its clients.
    pub fn start_with(
        upstream: &str,
        plan: impl FnMut(&Asked) -> Vec<Fault> + Send + 'static,
        tls: Option<Arc<ServerConfig>>,
    ) -> io::Result<Self> {
        Self::begin(Arc::new(Mutex::new(upstream.to_owned())), plan, tls)
    }

    fn begin(
        upstream: Upstream,
        plan: impl FnMut(&Asked) -> Vec<Fault> + Send + 'static,
        tls: Option<Arc<ServerConfig>>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared {
            upstream,
            plan: Mutex::new(Box::new(plan)),
            tls,
            asked: Mutex::default(),
            hits: Mutex::default(),
            whole: Mutex::default(),
            down_until: Mutex::default(),
            count: AtomicUsize::new(0),
            is_stopped: AtomicBool::new(false),
        });
        let serving = shared.clone();
        let thread = thread::spawn(move || serve(&serving, listener, address));
        // A certificate names a host.
        let host = if shared.tls.is_some() { "localhost" } else { "127.0.0.1" };
        let url = format!("{scheme}://{host}:{}", address.port());
        Ok(Proxy { url, shared, thread: Some(thread) })
    }

    /// The address to give to a client, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.shared.asked).clone()
    }

    /// The requests that were answered to the end, and the bytes of each answer's body.
    pub fn whole(&self) -> Vec<(Asked, u64)> {
        lock(&self.shared.whole).clone()
    }

    /// The strikes so far.
    pub fn hits(&self) -> Vec<Hit> {
        lock(&self.shared.hits).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Its panic has been printed.
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(shared: &Arc<Shared>, listener: TcpListener, address: SocketAddr) {
    let mut open = Some(listener);
    while !shared.is_stopped.load(Ordering::Relaxed) {
        if lock(&shared.down_until).is_some_and(|until| Instant::now() < until) {
            open = None;
        } else if open.is_none() {
            open = TcpListener::bind(address).ok();
        }
        let socket = open.as_ref().and_then(|listener| {
            listener.set_nonblocking(true).ok()?;
            listener.accept().ok()
        });
        match socket {
            Some((socket, _)) => {
                let shared = shared.clone();
                thread::spawn(move || {
                    // A connection that breaks is what this is for.
                    let _ = Exchange::begin(&shared, socket).and_then(Exchange::run);
                });
            }
            None => thread::sleep(LOOK_UP),
        }
    }
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// One request and its answer.
struct Exchange<'s> {
    shared: &'s Shared,
    socket: TcpStream,
    client: BufReader<Box<dyn Stream>>,
    asked: Asked,
    faults: Vec<Fault>,
    trickle: Option<Duration>,
    flip: bool,
}

/// Why an exchange goes no further.
fn stopped() -> io::Error {
    io::Error::other("struck")
}

impl<'s> Exchange<'s> {
    fn begin(shared: &'s Shared, socket: TcpStream) -> io::Result<Self> {
        socket.set_nonblocking(false)?;
        socket.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &shared.tls {
            None => Box::new(socket.try_clone()?),
            Some(config) => {
                let tls = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
                Box::new(StreamOwned::new(tls, socket.try_clone()?))
            }
        };
        let client = BufReader::with_capacity(PEEK_BYTES, stream);
        let asked =
            Asked { number: 0, method: String::new(), target: String::new(), query: String::new() };
        Ok(Exchange { shared, socket, client, asked, faults: vec![], trickle: None, flip: false })
    }

    fn run(mut self) -> io::Result<()> {
        let request = Head::read(&mut self.client)?;
        let mut words = request.lines[0].split(' ').map(str::to_owned);
        self.asked.method = words.next().unwrap_or_default();
        self.asked.target = words.next().unwrap_or_default();
        let (mut body, mut first) = (Framed::of(&request), Vec::new());
        // A query in the address says enough, and the body behind it may be slow to come.
        let in_address = self.asked.target.split(['?', '&']).find_map(|p| p.strip_prefix("query="));
        match in_address.map(decoded) {
            Some(query) => self.asked.query = query,
            None => {
                while let Some(piece) = body.next(&mut self.client)? {
                    first.extend(piece);
                    if first.len() >= PEEK_BYTES {
                        break;
                    }
                }
                self.asked.query = in_body(&String::from_utf8_lossy(&first));
            }
        }
        self.asked.number = self.shared.count.fetch_add(1, Ordering::SeqCst) + 1;
        lock(&self.shared.asked).push(self.asked.clone());
        self.faults = (lock(&self.shared.plan))(&self.asked);
        self.strike(At::Head, false)?;

        let upstream = lock(&self.shared.upstream).clone();
        let address = upstream.trim_start_matches("http://").trim_end_matches('/');
        // Where nobody listens the client hears what it would hear there.
        let mut server = TcpStream::connect(address).map_err(|_| self.reset())?;
        server.set_nodelay(true)?;
        server.write_all(request.closing().as_bytes())?;
        let mut sent = 0;
        let mut next = (!first.is_empty()).then_some(first);
        loop {
            let piece = match next.take() {
                Some(piece) => piece,
                None => match body.next(&mut self.client)? {
                    Some(piece) => piece,
                    None => break,
                },
            };
            self.pass(&piece, &mut sent, &At::Body, |bytes, _| body.write(&mut server, bytes))?;
        }
        body.finish(&mut server)?;

        let mut server = BufReader::new(server);
        let answer = Head::read(&mut server)?;
        let mut body = Framed::of(&answer);
        let (mut sent, mut head) = (0, Some(answer.closing()));
        (self.trickle, self.flip) = (None, false);
        while let Some(piece) = body.next(&mut server)? {
            self.pass(&piece, &mut sent, &At::Answer, |bytes, client| {
                if let Some(head) = head.take() {
                    client.write_all(head.as_bytes())?;
                }
                body.write(client, bytes)
            })?;
        }
        if let Some(head) = head.take() {
            self.strike(At::Answer(0), false)?;
            self.client.get_mut().write_all(head.as_bytes())?;
        }
        body.finish(self.client.get_mut())?;
        self.client.get_mut().flush()?;
        lock(&self.shared.whole).push((self.asked.clone(), sent));
        self.strike(At::Answered, false)
    }

    /// Passes a piece of a body on, in parts where faults strike within it.
    fn pass(
        &mut self,
        piece: &[u8],
        sent: &mut u64,
        at: &dyn Fn(u64) -> At,
        mut write: impl FnMut(&[u8], &mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        for byte in 0..piece.len() {
            // Where nothing strikes any more, the rest goes as one.
            let is_due = self.faults.iter().any(|Fault(of, _)| *of == at(*sent));
            if is_due {
                self.strike(at(*sent), *sent > 0)?;
            }
            let rest = &piece[byte..];
            let ends = self.faults.iter().filter_map(|Fault(of, _)| match (of, at(0)) {
                (At::Body(k), At::Body(_)) | (At::Answer(k), At::Answer(_)) => k.checked_sub(*sent),
                _ => None,
            });
            let whole = ends.min().map_or(rest.len(), |left| rest.len().min(left as usize));
            let length = if self.flip || self.trickle.is_some() { 1 } else { whole };
            let mut part = rest[..length].to_vec();
            if std::mem::take(&mut self.flip) {
                part[0] ^= 0x10;
            }
            write(&part, self.client.get_mut())?;
            self.client.get_mut().flush()?;
            *sent += length as u64;
            if let Some(pause) = self.trickle {
                self.wait(pause)?;
            }
            if length > 1 {
                // Recurs once for each fault within the piece.
                return self.pass(&rest[length..], sent, at, write);
            }
        }
        Ok(())
    }

    /// Does what is planned for this place.
    fn strike(&mut self, at: At, is_open: bool) -> io::Result<()> {
        while let Some(index) = self.faults.iter().position(|Fault(of, _)| *of == at) {
            let Fault(_, act) = self.faults.remove(index);
            let hit = Hit { asked: self.asked.clone(), at, act: act.name(), is_open };
            lock(&self.shared.hits).push(hit);
            match act {
                Act::Call(call) => call(),
                Act::Delay(pause) => self.wait(pause)?,
                Act::Flip => self.flip = true,
                Act::Trickle(pause) => self.trickle = Some(pause),
                Act::Close => return Err(stopped()),
                Act::Reset => return Err(self.reset()),
                Act::Down(pause) => {
                    *lock(&self.shared.down_until) = Some(Instant::now() + pause);
                    return Err(self.reset());
                }
                Act::Stall => self.wait(Duration::MAX)?,
                Act::Text(text) => {
                    let client = self.client.get_mut();
                    write!(client, "{:x}\r\n{text}\r\n", text.len())?;
                    client.flush()?;
                    return Err(stopped());
                }
                Act::Status(status, body) => {
                    let length = body.len();
                    let client = self.client.get_mut();
                    write!(
                        client,
                        "HTTP/1.1 {status} Struck\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
                    )?;
                    client.flush()?;
                    return Err(stopped());
                }
            }
        }
        Ok(())
    }

    fn reset(&self) -> io::Error {
        // A connection that cannot be reset is closed, and the test sees the difference.
        let _ = SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
        stopped()
    }

    /// Waits so long, or until the client goes away.
    fn wait(&self, pause: Duration) -> io::Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < pause {
            let is_stopped = self.shared.is_stopped.load(Ordering::Relaxed);
            self.socket.set_nonblocking(true)?;
            let is_gone = matches!(self.socket.peek(&mut [0]), Ok(0));
            self.socket.set_nonblocking(false)?;
            if is_stopped || is_gone {
                return Err(stopped());
            }
            thread::sleep(LOOK_UP.min(pause.saturating_sub(begun.elapsed())));
        }
        Ok(())
    }
}

impl Act {
    fn name(&self) -> String {
        let name = match self {
            Act::Reset => "reset",
            Act::Close => "close",
            Act::Stall => "stall",
            Act::Trickle(_) => "trickle",
            Act::Delay(_) => "delay",
            Act::Flip => "flip",
            Act::Text(_) => "text",
            Act::Status(..) => "status",
            Act::Down(_) => "down",
            Act::Call(_) => "call",
        };
        name.to_owned()
    }
}
