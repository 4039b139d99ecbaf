//! What a file holds, by its bytes.
//!
//! Invariants: the answer is the BLAKE3 of all bytes of the file. It is remembered beside the segments and taken from
//! there only for the same device, inode, size, time of modification and time of change, which no program sets; a file
//! that had changed less than two seconds before it was hashed is not remembered, since it may change once more
//! within the clock's grain. What this does not notice: a file system whose clocks are set back, and bytes that change
//! below the file system.
//!
//! Cost: one pass over a new file, some 3 GB/s; a stat and a small file for a known one.

use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Younger files than this may change again unnoticed.
const SETTLED: Duration = Duration::from_secs(2);
const BUFFER_BYTES: usize = 1 << 20;

/// The hash of a file's bytes, remembered in `dir`.
///
/// # Errors
/// The file cannot be read, or changes while it is.
pub fn content(dir: &Path, path: &Path) -> io::Result<[u8; 32]> {
    let before = fs::metadata(path)?;
    let stamp = stamp(&before);
    let memo = memo_path(dir, path);
    if let Some(hash) = remembered(&memo, &stamp) {
        return Ok(hash);
    }
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        };
    }
    let hash = hasher.finalize();
    if self::stamp(&fs::metadata(path)?) != stamp {
        return Err(io::Error::other("the file changes while it is read"));
    }
    if is_settled(&before) {
        let text = json!({
            "path": path.display().to_string(),
            "stamp": stamp,
            "blake3": hash.to_hex().as_str(),
        });
        // A hash that is not remembered is made again.
        let temp = memo.with_extension(format!("{}.{}", uuid::Uuid::now_v7(), super::file::TEMP));
        let _ = fs::write(&temp, text.to_string()).and_then(|()| fs::rename(&temp, &memo));
    }
    Ok(hash.into())
}

fn memo_path(dir: &Path, path: &Path) -> PathBuf {
    let whole = path.canonicalize().unwrap_or_else(|_| path.into());
    let name = blake3::hash(whole.as_os_str().as_encoded_bytes());
    dir.join(format!("{}.file", &name.to_hex()[..32]))
}

fn remembered(memo: &Path, stamp: &str) -> Option<[u8; 32]> {
    let value: Value = serde_json::from_slice(&fs::read(memo).ok()?).ok()?;
    if value["stamp"].as_str()? != stamp {
        return None;
    }
    blake3::Hash::from_hex(value["blake3"].as_str()?).ok().map(Into::into)
}

/// Everything by which a file that was written to differs from what it was.
#[cfg(unix)]
fn stamp(data: &fs::Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    format!(
        "{}:{} {} bytes, modified {}.{:09}, changed {}.{:09}",
        data.dev(),
        data.ino(),
        data.size(),
        data.mtime(),
        data.mtime_nsec(),
        data.ctime(),
        data.ctime_nsec()
    )
}

#[cfg(unix)]
fn is_settled(data: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    let since = |seconds: i64| {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.try_into().unwrap_or(0));
        at.elapsed().is_ok_and(|age| age > SETTLED)
    };
    // Whole seconds, rounded up.
    since(data.ctime() + 1) && since(data.mtime() + 1)
}

/// Without a time of change nothing proves that a file is what it was: it is hashed every time.
#[cfg(not(unix))]
fn stamp(data: &fs::Metadata) -> String {
    format!("{} bytes, modified {:?}", data.len(), data.modified().ok())
}

#[cfg(not(unix))]
fn is_settled(_: &fs::Metadata) -> bool {
    false
}
