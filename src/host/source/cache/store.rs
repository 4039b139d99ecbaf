//! The cache's directory: segments by key, and what goes when it is full.
//!
//! Invariants: nothing here fails a run; what goes wrong is a warning, the first few of them. A segment that is
//! being read may be removed: its reader keeps it until it is done.

use super::file::{Key, Reader, TEMP, Writer};
use crate::config::data::CacheSpec;
use crate::provenance::hex;
use crate::source::SourceStats;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use std::{fs, io};

/// Last part of the names of segments.
pub const TAPE: &str = "tape";
/// Files that were not finished and are older than this are nobody's any more.
const ORPHAN_AGE: Duration = Duration::from_secs(86_400);
const WARNINGS_MAX: u32 = 8;

/// A directory of decoded rows.
#[derive(Debug)]
pub struct Cache {
    dir: PathBuf,
    bytes_max: Option<u64>,
    bytes: AtomicU64,
    warnings: AtomicU32,
}

/// A file of the directory.
struct Held {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

impl Cache {
    /// Opens the directory, making it if need be; `None`, with a warning, if that cannot be.
    pub fn open(spec: &CacheSpec) -> Option<Self> {
        let cache = Cache {
            dir: spec.dir.clone(),
            bytes_max: spec.bytes_max,
            bytes: AtomicU64::new(0),
            warnings: AtomicU32::new(0),
        };
        let made = fs::create_dir_all(&cache.dir).and_then(|()| cache.held(TEMP));
        let orphans = match made {
            Ok(partial) => partial,
            Err(error) => {
                cache.warn(&format!("{}: {error}; there is no cache", cache.dir.display()));
                return None;
            }
        };
        let is_old = |held: &&Held| held.used.elapsed().is_ok_and(|age| age > ORPHAN_AGE);
        for orphan in orphans.iter().filter(is_old) {
            // It will be met again.
            let _ = fs::remove_file(&orphan.path);
        }
        if cache.bytes_max.is_some() {
            let bytes = cache.held(TAPE).unwrap_or_default().iter().map(|held| held.bytes).sum();
            cache.bytes.store(bytes, Ordering::Relaxed);
        }
        Some(cache)
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Tells of something that costs time and nothing else.
    pub fn warn(&self, message: &str) {
        match self.warnings.fetch_add(1, Ordering::Relaxed) {
            n if n + 1 < WARNINGS_MAX => eprintln!("warning: data.cache: {message}"),
            n if n + 1 == WARNINGS_MAX => {
                eprintln!("warning: data.cache: {message}; and no more is said of it");
            }
            _ => {}
        }
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.dir.join(format!("{}.{TAPE}", hex(key)))
    }

    /// Opens a segment if it is there and can be used.
    pub fn reader(&self, key: &Key, instrument: u32) -> Option<Reader> {
        let path = self.path(key);
        match Reader::open(&path, key, instrument) {
            Ok(Some(reader)) => {
                if self.bytes_max.is_some() {
                    // Says that it was used; where that cannot be said it only goes earlier.
                    let _ = fs::File::options()
                        .append(true)
                        .open(&path)
                        .and_then(|file| file.set_modified(SystemTime::now()));
                }
                Some(reader)
            }
            Ok(None) => None,
            Err(refusal) => {
                self.refuse(key, &refusal);
                None
            }
        }
    }

    /// Tells that a segment is not to be used, and removes it.
    pub fn refuse(&self, key: &Key, refusal: &str) {
        let path = self.path(key);
        self.warn(&format!("{} {refusal}; it is made again", path.display()));
        // The new one takes its place in any case.
        let _ = fs::remove_file(path);
    }

    /// Begins to write a segment.
    pub fn writer(&self, key: &Key) -> Option<Writer> {
        let path = self.path(key);
        Writer::create(&path, *key)
            .map_err(|error| self.warn(&format!("{}: {error}", path.display())))
            .ok()
    }

    /// Gives a segment its name, and makes room if the cache has grown too large.
    pub fn publish(&self, writer: Writer, stats: &SourceStats) {
        let done = writer.finish(stats).and_then(|bytes| {
            let held = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
            match self.bytes_max {
                Some(most) if held > most => self.shrink(most),
                _ => Ok(()),
            }
        });
        if let Err(error) = done {
            self.warn(&format!("{}: {error}", self.dir.display()));
        }
    }

    /// Removes what was not used for longest.
    fn shrink(&self, bytes_max: u64) -> io::Result<()> {
        let mut held = self.held(TAPE)?;
        held.sort_by(|a, b| (a.used, &a.path).cmp(&(b.used, &b.path)));
        let mut bytes: u64 = held.iter().map(|held| held.bytes).sum();
        for old in held {
            if bytes <= bytes_max {
                break;
            }
            match fs::remove_file(&old.path) {
                Ok(()) => bytes -= old.bytes,
                // Somebody else was faster.
                Err(error) if error.kind() == io::ErrorKind::NotFound => bytes -= old.bytes,
                Err(error) => return Err(error),
            }
        }
        self.bytes.store(bytes, Ordering::Relaxed);
        Ok(())
    }

    fn held(&self, end: &str) -> io::Result<Vec<Held>> {
        let mut held = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|found| found == end)
                && let Ok(data) = fs::metadata(&path)
            {
                held.push(Held { path, bytes: data.len(), used: data.modified()? });
            }
        }
        Ok(held)
    }
}
