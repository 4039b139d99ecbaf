//! Why a request failed, and whether it may go well when it is asked again.
//!
//! Invariants: what may pass is a short list: a connection that is refused, cut off or silent, bytes that were damaged
//! on the way, a proxy that says that its server is away, and the codes below. Everything else would recur, so it is told
//! at once: a wrong password, a table that is not there, types that do not match, a certificate that nobody vouches for.

use crate::signal;
use clickhouse::error::Error;
use std::error::Error as Cause;
use std::pin::pin;
use std::time::{Duration, Instant};

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened, in one line. May hold the server's own words.
    pub message: String,
    /// Whether it may go well when it is asked again.
    pub may_pass: bool,
}

/// Codes of `src/Common/ErrorCodes.cpp` that speak of a state of the server and not of the question. Not among them is
/// 394, QUERY_WAS_CANCELLED: somebody may have meant it.
const PASSING: [u32; 26] = [
    95,  // CANNOT_READ_FROM_SOCKET
    96,  // CANNOT_WRITE_TO_SOCKET
    159, // TIMEOUT_EXCEEDED
    173, // CANNOT_ALLOCATE_MEMORY
    198, // DNS_ERROR, of a shard's name
    202, // TOO_MANY_SIMULTANEOUS_QUERIES
    203, // NO_FREE_CONNECTION
    209, // SOCKET_TIMEOUT
    210, // NETWORK_ERROR
    225, // NO_ZOOKEEPER
    236, // ABORTED
    241, // MEMORY_LIMIT_EXCEEDED
    242, // TABLE_IS_READ_ONLY, while its keeper is away
    252, // TOO_MANY_PARTS
    254, // NO_ACTIVE_REPLICAS
    279, // ALL_CONNECTION_TRIES_FAILED
    285, // TOO_FEW_LIVE_REPLICAS
    286, // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
    319, // UNKNOWN_STATUS_OF_INSERT
    364, // RECEIVED_ERROR_TOO_MANY_REQUESTS
    369, // ALL_REPLICAS_ARE_STALE
    384, // PART_IS_TEMPORARILY_LOCKED
    439, // CANNOT_SCHEDULE_TASK
    499, // S3_ERROR
    745, // SERVER_OVERLOADED
    999, // KEEPER_EXCEPTION
];

/// What proxies and a server's own HTTP layer say when the server is away, where no exception is told.
const AWAY: [&str; 4] =
    ["500 Internal Server Error", "502 Bad Gateway", "503 Service", "504 Gateway"];

/// What a server says where a setting may not be given, or not so: READONLY, SETTING_CONSTRAINT_VIOLATION.
const SETTING_REFUSED: [u32; 2] = [164, 452];

impl Failure {
    /// One that may pass.
    pub fn passing(message: impl Into<String>) -> Self {
        Failure { message: message.into(), may_pass: true }
    }

    /// One that would recur.
    pub fn lasting(message: impl Into<String>) -> Self {
        Failure { message: message.into(), may_pass: false }
    }

    /// What a server's words mean.
    pub fn told(text: &str) -> Self {
        Self::meant(text, text.into())
    }

    /// What a server's words mean, told as `message`.
    fn meant(text: &str, message: String) -> Self {
        if is_of_a_full_disk(text) {
            return Failure::lasting(format!("the server's disk is full: {message}"));
        }
        let may_pass = match code(text) {
            Some(code) => PASSING.contains(&code),
            None => AWAY.iter().any(|words| text.contains(words)),
        };
        Failure { message, may_pass }
    }

    /// Whether the server does not let this user give a setting.
    pub fn is_of_a_setting(&self) -> bool {
        code(&self.message).is_some_and(|code| SETTING_REFUSED.contains(&code))
    }
}

/// Whether a server has no room: NOT_ENOUGH_SPACE, which it says before it writes, or the system's own words in whatever
/// exception, where a write had begun. No pause between retries is long enough for somebody to make room.
fn is_of_a_full_disk(text: &str) -> bool {
    code(text) == Some(243) || text.contains("No space left on device")
}

/// The code of an exception's text.
pub fn code(text: &str) -> Option<u32> {
    let rest = &text[text.find("Code: ")? + "Code: ".len()..];
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest[..digits].parse().ok()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = chain(&error);
        match &error {
            Error::BadResponse(text) => Failure::meant(text, message),
            Error::TimedOut => Failure::passing(message),
            Error::Network(_) if is_refused_by_tls(&error) => Failure::lasting(message),
            Error::Network(_) => Failure::passing(message),
            _ => Failure::lasting(message),
        }
    }
}

/// Whether the two sides do not come together over who they are, or how they speak.
fn is_refused_by_tls(error: &Error) -> bool {
    let mut next = error.source();
    while let Some(error) = next {
        if error.is::<rustls::Error>() {
            return true;
        }
        // What an I/O error holds is not its source, but that one's.
        next = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    false
}

/// An error with its causes, on one line.
pub fn chain(error: &dyn Cause) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
        cause = error.source();
    }
    text
}

/// Waits for an answer, neither for ever nor beyond a signal.
///
/// # Errors
/// There is none in time, or it is an error.
pub async fn within<T>(
    patience: Duration,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let silence = || Failure::passing(format!("no answer within {} s", patience.as_secs_f64()));
    wait(patience, answer).await?.ok_or_else(silence)
}

/// Waits for an answer, neither longer than `left`, `None` then, nor beyond a signal.
///
/// # Errors
/// It is an error, or a signal came.
pub async fn wait<T>(
    left: Duration,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<Option<T>, Failure> {
    /// A signal is looked for this often.
    const LOOK_UP: Duration = Duration::from_millis(100);
    let (mut answer, begun) = (pin!(answer), Instant::now());
    loop {
        let rest = left.saturating_sub(begun.elapsed());
        if let Ok(done) = tokio::time::timeout(rest.min(LOOK_UP), answer.as_mut()).await {
            return done.map(Some);
        }
        if rest <= LOOK_UP {
            return Ok(None);
        }
        if let Some(number) = signal::caught() {
            return Err(Failure::lasting(format!("stopped by signal {number}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_recur_is_told_from_what_may_pass() {
        for (text, may_pass) in [
            ("Code: 241. DB::Exception: Memory limit exceeded", true),
            ("Code: 159. DB::Exception: Timeout exceeded", true),
            ("Code: 210. DB::NetException: I/O error: Broken pipe", true),
            ("Code: 202", true),
            ("Code: 516. DB::Exception: me: Authentication failed", false),
            ("Code: 60. DB::Exception: Unknown table: 503 Service Unavailable", false),
            ("Code: 53. DB::Exception: Type mismatch", false),
            ("Code: 394. DB::Exception: Query was cancelled", false),
            ("Code: 2410. DB::Exception: ?", false),
            ("Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space.", false),
            ("Code: 236. DB::Exception: errno: 28, strerror: No space left on device", false),
            ("503 Service Unavailable", true),
            ("<html><title>502 Bad Gateway</title></html>", true),
            ("<html>403 Forbidden</html>", false),
            ("Code: x", false),
            ("", false),
        ] {
            assert_eq!(Failure::told(text).may_pass, may_pass, "{text}");
        }
    }

    #[test]
    fn a_full_disk_is_named() {
        let text = "Code: 75. DB::ErrnoException: Cannot write to file, errno: 28, strerror: No space left on device. \
                    (CANNOT_WRITE_TO_FILE_DESCRIPTOR)";
        for text in [
            text,
            "Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space. (NOT_ENOUGH_SPACE)",
        ] {
            let failure = Failure::from(Error::BadResponse(text.into()));
            let (named, words) = failure.message.split_once(": ").unwrap_or_default();
            assert_eq!(named, "the server's disk is full");
            assert!(words.ends_with(text) && !failure.may_pass, "{failure:?}");
        }
    }
}
