//! The engine: a safe, narrow view of the `libchdb` C interface, opened at run time.
//!
//! Invariants. The library is opened once and never closed, because the threads it starts outlive
//! any handle to it. Every raw handle has one owner that frees it exactly once, and a connection
//! outlives the results read through it, which the lifetimes enforce. A connection runs one
//! statement at a time, so the type may move between threads but is not shared by them.

use std::ffi::{CString, OsStr, c_char, c_int, c_void};
use std::io;
use std::marker::PhantomData;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::NonNull;

use libloading::Library;

/// Settings of every connection. They bound the engine's memory to well under a gigabyte, and one
/// thread makes the order of an unsorted answer repeatable from run to run.
const SETTINGS: [&str; 4] = [
    "--max_threads=1",
    "--max_block_size=16384",
    "--min_insert_block_size_rows=65536",
    "--min_insert_block_size_bytes=0",
];

/// How much of an insert is handed to the engine at a time.
const APPEND_BYTES: usize = 1 << 20;

/// A named query parameter, as `param_name=value` gives it.
pub type Param = (String, String);

type Raw = *mut c_void;
type Strings = *const *const c_char;
type Lengths = *const usize;
type BindFn = unsafe extern "C" fn(
    Raw,
    *const c_char,
    usize,
    *const c_char,
    usize,
    Strings,
    Lengths,
    Strings,
    Lengths,
    usize,
) -> Raw;
type OfRaw<T> = unsafe extern "C" fn(Raw) -> T;

/// The functions used, copied out of the library; it stays open, so they stay callable.
#[derive(Clone, Copy)]
struct Api {
    signals: unsafe extern "C" fn(c_int),
    connect: unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut Raw,
    close: unsafe extern "C" fn(*mut Raw),
    shutdown: unsafe extern "C" fn() -> c_int,
    query: BindFn,
    stream: BindFn,
    fetch: unsafe extern "C" fn(Raw, Raw) -> Raw,
    cancel: unsafe extern "C" fn(Raw, Raw),
    insert: BindFn,
    append: unsafe extern "C" fn(Raw, *const c_void, usize) -> c_int,
    done: OfRaw<Raw>,
    insert_error: OfRaw<*const c_char>,
    insert_free: OfRaw<()>,
    buffer: OfRaw<*const c_char>,
    length: OfRaw<usize>,
    error: OfRaw<*const c_char>,
    elapsed: OfRaw<f64>,
    rows_out: OfRaw<u64>,
    bytes_out: OfRaw<u64>,
    rows_read: OfRaw<u64>,
    bytes_read: OfRaw<u64>,
    rows_written: OfRaw<u64>,
    bytes_written: OfRaw<u64>,
    free: OfRaw<()>,
}

/// Looks one symbol up.
///
/// # Safety
/// `T` must be the C signature of `name`.
unsafe fn symbol<T: Copy>(lib: &'static Library, name: &str) -> io::Result<T> {
    // SAFETY: the caller vouches for the signature, and the library is never closed.
    let found = unsafe { lib.get::<T>(name) };
    found
        .map(|symbol| *symbol)
        .map_err(|e| io::Error::new(io::ErrorKind::NotFound, format!("{name}: {e}")))
}

unsafe extern "C" {
    /// glibc: calls `run` with the exit status when the process exits, before what was registered earlier.
    fn on_exit(run: unsafe extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
    fn _exit(status: c_int) -> !;
}

/// Ends the process, when it exits, without the engine's destructors: it has threads that never stop, and destroying what
/// they use crashes a process now and then that had done all its work. What is registered last runs first, and the engine
/// registers destructors while it works, so this is asked for again behind every statement.
pub(crate) fn leave_at_once_on_exit() {
    unsafe extern "C" fn leave(status: c_int, _: *mut c_void) {
        // SAFETY: ends the process; whoever exits has flushed what it wrote.
        unsafe { _exit(status) }
    }
    // SAFETY: the handler lives as long as the program.
    assert_eq!(unsafe { on_exit(leave, std::ptr::null_mut()) }, 0, "a handler can be registered");
}

impl Api {
    fn load(path: &Path) -> io::Result<Self> {
        // SAFETY: the library's initialisers are those of the engine, which expects to be opened
        // like this; nothing else of it runs before `chdb_connect`.
        let lib = unsafe { Library::new(path) }.map_err(|e| {
            io::Error::new(io::ErrorKind::NotFound, format!("{}: {e}", path.display()))
        })?;
        let lib: &'static Library = Box::leak(Box::new(lib));
        leave_at_once_on_exit();
        // SAFETY: each field's type is the signature in the engine's published C header.
        unsafe {
            Ok(Self {
                signals: symbol(lib, "chdb_set_signal_handlers_enabled")?,
                connect: symbol(lib, "chdb_connect")?,
                close: symbol(lib, "chdb_close_conn")?,
                shutdown: symbol(lib, "chdb_shutdown")?,
                query: symbol(lib, "chdb_query_with_params_n")?,
                stream: symbol(lib, "chdb_stream_query_with_params_n")?,
                fetch: symbol(lib, "chdb_stream_fetch_result")?,
                cancel: symbol(lib, "chdb_stream_cancel_query")?,
                insert: symbol(lib, "chdb_stream_insert_with_params_n")?,
                append: symbol(lib, "chdb_stream_append")?,
                done: symbol(lib, "chdb_stream_done")?,
                insert_error: symbol(lib, "chdb_stream_insert_error")?,
                insert_free: symbol(lib, "chdb_destroy_insert_stream")?,
                buffer: symbol(lib, "chdb_result_buffer")?,
                length: symbol(lib, "chdb_result_length")?,
                error: symbol(lib, "chdb_result_error")?,
                elapsed: symbol(lib, "chdb_result_elapsed")?,
                rows_out: symbol(lib, "chdb_result_rows_read")?,
                bytes_out: symbol(lib, "chdb_result_bytes_read")?,
                rows_read: symbol(lib, "chdb_result_storage_rows_read")?,
                bytes_read: symbol(lib, "chdb_result_storage_bytes_read")?,
                rows_written: symbol(lib, "chdb_result_rows_written")?,
                bytes_written: symbol(lib, "chdb_result_bytes_written")?,
                free: symbol(lib, "chdb_destroy_query_result")?,
            })
        }
    }
}

/// An engine running on one data directory.
pub struct Engine {
    api: Api,
    path_argument: CString,
    version: String,
    /// Held for as long as the engine: when the last connection closes the engine leaves its
    /// directory, and the next one would have to start it again.
    _anchor: Connection,
}

// SAFETY: the anchor connection is never used after construction, only closed on drop, and every
// other field is plain data; the engine serialises connecting and closing itself.
unsafe impl Sync for Engine {}

impl Engine {
    /// Opens the library and starts the engine on `data_dir`, which is created if missing.
    pub fn start(lib_path: &Path, data_dir: &Path) -> io::Result<Self> {
        let api = Api::load(lib_path)?;
        // SAFETY: takes a flag by value; it must precede the first connection, and does. Signals
        // belong to the test process.
        unsafe { (api.signals)(0) };
        std::fs::create_dir_all(data_dir).map_err(|e| {
            io::Error::new(e.kind(), format!("data directory {}: {e}", data_dir.display()))
        })?;
        let path_argument = path_argument(data_dir.as_os_str())?;
        let anchor = Connection::open(api, &path_argument)?;
        let version = anchor
            .query(b"SELECT version()", "TSVRaw", &[])
            .map(|a| String::from_utf8_lossy(a.bytes()).trim().to_owned())
            .map_err(|e| io::Error::other(format!("the engine does not answer: {e}")))?;
        Ok(Self { api, path_argument, version, _anchor: anchor })
    }

    /// Opens a connection with its own settings and current database.
    pub fn connect(&self) -> io::Result<Connection> {
        Connection::open(self.api, &self.path_argument)
    }

    /// The engine's version, such as `26.7.2.1`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Closes the engine for the rest of the process and joins its threads. Does nothing while a
    /// connection is still open, which leaves the threads to the end of the process.
    pub fn shutdown(self) {
        let api = self.api;
        drop(self);
        // SAFETY: takes nothing; the engine refuses by itself if a connection is left.
        let _ = unsafe { (api.shutdown)() };
    }
}

fn path_argument(dir: &OsStr) -> io::Result<CString> {
    let bytes = [b"--path=", dir.as_bytes()].concat();
    CString::new(bytes).map_err(|_| io::Error::other("the data directory has a NUL in its name"))
}

/// One session of the engine.
pub struct Connection {
    api: Api,
    outer: NonNull<Raw>,
}

// SAFETY: the engine accepts calls on a connection from any thread, one at a time, and the type
// is not `Sync`.
unsafe impl Send for Connection {}

impl Connection {
    fn open(api: Api, path: &CString) -> io::Result<Self> {
        let mut owned = vec![CString::from(c"clickhouse"), path.clone()];
        for setting in SETTINGS {
            owned.push(CString::new(setting).map_err(io::Error::other)?);
        }
        let mut args: Vec<*mut c_char> = owned.iter().map(|a| a.as_ptr().cast_mut()).collect();
        let count = c_int::try_from(args.len()).map_err(io::Error::other)?;
        // SAFETY: `args` holds `count` NUL-ended strings that outlive the call; the engine copies
        // them and does not write through the pointers.
        let outer = unsafe { (api.connect)(count, args.as_mut_ptr()) };
        let outer = NonNull::new(outer).ok_or_else(|| {
            io::Error::other("the engine refused to connect: is its data directory in use?")
        })?;
        Ok(Self { api, outer })
    }

    fn inner(&self) -> Raw {
        // SAFETY: `outer` came from `chdb_connect` and is not closed before drop.
        unsafe { *self.outer.as_ptr() }
    }

    /// Calls one of the three functions that share a shape: statement, format, parameters.
    fn bind(&self, call: BindFn, sql: &[u8], format: &str, params: &[Param]) -> Raw {
        let names: Vec<_> = params.iter().map(|p| p.0.as_ptr().cast::<c_char>()).collect();
        let name_lens: Vec<_> = params.iter().map(|p| p.0.len()).collect();
        let values: Vec<_> = params.iter().map(|p| p.1.as_ptr().cast::<c_char>()).collect();
        let value_lens: Vec<_> = params.iter().map(|p| p.1.len()).collect();
        // SAFETY: every pointer is paired with its length and outlives the call, and the four
        // arrays have `params.len()` entries each.
        unsafe {
            call(
                self.inner(),
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
                names.as_ptr(),
                name_lens.as_ptr(),
                values.as_ptr(),
                value_lens.as_ptr(),
                params.len(),
            )
        }
    }

    /// Runs a statement to its end.
    pub fn query(&self, sql: &[u8], format: &str, params: &[Param]) -> Result<Answer<'_>, String> {
        Answer::new(self, self.bind(self.api.query, sql, format, params))
    }

    /// Starts a statement whose answer is fetched block by block. Each block is a complete
    /// document of the format, header and all.
    pub fn stream(&self, sql: &[u8], format: &str, params: &[Param]) -> Result<Blocks<'_>, String> {
        let head = Answer::new(self, self.bind(self.api.stream, sql, format, params))?;
        Ok(Blocks { head, finished: false })
    }

    /// Runs an INSERT whose text has neither FORMAT clause nor data; `data` is in `format`.
    pub fn insert(
        &self,
        sql: &[u8],
        format: &str,
        params: &[Param],
        data: &[u8],
    ) -> Result<Answer<'_>, String> {
        let raw = self.bind(self.api.insert, sql, format, params);
        let sink = Sink { api: self.api, raw };
        sink.check()?;
        for piece in data.chunks(APPEND_BYTES) {
            sink.append(piece)?;
        }
        // SAFETY: the stream is open and was not finished before; the result is owned below.
        Answer::new(self, unsafe { (self.api.done)(sink.raw) })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: closed once, here; no result borrowed from it is alive.
        unsafe { (self.api.close)(self.outer.as_ptr()) };
    }
}

/// An open insert. Dropping it unfinished cancels it.
struct Sink {
    api: Api,
    raw: Raw,
}

impl Sink {
    fn append(&self, piece: &[u8]) -> Result<(), String> {
        // SAFETY: the stream is open; the bytes are copied by the engine before it returns.
        let state = unsafe { (self.api.append)(self.raw, piece.as_ptr().cast(), piece.len()) };
        if state == 0 {
            return Ok(());
        }
        self.check().and(Err("the engine refused a part of an insert".to_owned()))
    }

    fn check(&self) -> Result<(), String> {
        // SAFETY: the handle is never null and is valid until drop.
        let text = unsafe { (self.api.insert_error)(self.raw) };
        text_at(text).map_or(Ok(()), Err)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // SAFETY: freed once, here; the engine cancels an unfinished insert itself.
        unsafe { (self.api.insert_free)(self.raw) };
    }
}

fn text_at(text: *const c_char) -> Option<String> {
    // SAFETY: the engine gives either null or a NUL-ended string that lives as long as its handle,
    // and it is copied at once.
    (!text.is_null()).then(|| unsafe { std::ffi::CStr::from_ptr(text) }.to_string_lossy().into())
}

/// What a statement did, in the words of the `X-ClickHouse-Summary` header.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub read_rows: u64,
    pub read_bytes: u64,
    pub written_rows: u64,
    pub written_bytes: u64,
    pub result_rows: u64,
    pub result_bytes: u64,
    pub elapsed_ns: u64,
}

/// A result without error. It borrows the connection it came from.
pub struct Answer<'c> {
    api: Api,
    connection: Raw,
    raw: Raw,
    owner: PhantomData<&'c Connection>,
}

impl<'c> Answer<'c> {
    fn new(owner: &'c Connection, raw: Raw) -> Result<Self, String> {
        Self::checked(owner.api, owner.inner(), raw)
    }

    fn checked(api: Api, connection: Raw, raw: Raw) -> Result<Self, String> {
        if raw.is_null() {
            return Err("the engine gave no result".to_owned());
        }
        let answer = Self { api, connection, raw, owner: PhantomData };
        // SAFETY: the result is live; its error text is copied before it is dropped.
        match text_at(unsafe { (api.error)(raw) }) {
            Some(text) => Err(text),
            None => Ok(answer),
        }
    }

    /// The formatted answer.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the result is live.
        let (start, len) = unsafe { ((self.api.buffer)(self.raw), (self.api.length)(self.raw)) };
        if start.is_null() || len == 0 {
            return &[];
        }
        // SAFETY: the engine owns `len` bytes at `start` until the result is freed, on drop.
        unsafe { std::slice::from_raw_parts(start.cast(), len) }
    }

    /// Rows and bytes read, written and returned.
    pub fn counts(&self) -> Counts {
        let api = self.api;
        // SAFETY: the result is live and these only read it.
        unsafe {
            Counts {
                read_rows: (api.rows_read)(self.raw),
                read_bytes: (api.bytes_read)(self.raw),
                written_rows: (api.rows_written)(self.raw),
                written_bytes: (api.bytes_written)(self.raw),
                result_rows: (api.rows_out)(self.raw),
                result_bytes: (api.bytes_out)(self.raw),
                elapsed_ns: ((api.elapsed)(self.raw) * 1e9) as u64,
            }
        }
    }
}

impl Drop for Answer<'_> {
    fn drop(&mut self) {
        // SAFETY: freed once, here.
        unsafe { (self.api.free)(self.raw) };
    }
}

/// A streamed answer. Dropping it before its end cancels the statement.
pub struct Blocks<'c> {
    head: Answer<'c>,
    finished: bool,
}

impl<'c> Blocks<'c> {
    /// The next block, or nothing at the end.
    pub fn next_block(&mut self) -> Result<Option<Answer<'c>>, String> {
        if self.finished {
            return Ok(None);
        }
        let head = &self.head;
        // SAFETY: the stream and its connection are live, and `&mut self` makes this the only
        // call in progress on them.
        let raw = unsafe { (head.api.fetch)(head.connection, head.raw) };
        let block = Answer::checked(head.api, head.connection, raw);
        let more = block.as_ref().is_ok_and(|b| !b.bytes().is_empty());
        self.finished = !more;
        block.map(|b| more.then_some(b))
    }
}

impl Drop for Blocks<'_> {
    fn drop(&mut self) {
        if !self.finished {
            // SAFETY: the stream and its connection are live.
            unsafe { (self.head.api.cancel)(self.head.connection, self.head.raw) };
        }
    }
}
