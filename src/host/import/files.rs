//! The files of an import: what a manifest says about them, what is in them, which belong together, and their blocks.
//!
//! Invariants: a file that an export's manifest names has the bytes that it says. Files are equal only if their bytes are. Cost: a file's bytes
//! are hashed once, its rows read once to sum them up and once to send them.

use super::ImportError;
use super::block::{self, Layout};
use super::rows::Rows;
use crate::export::MANIFEST;
use crate::provenance::hex;
use crate::signal;
use crate::source::SourceError;
use crate::source::columns::{self, Columns};
use crate::source::shape;
use crate::store::Sum;
use arrow_array::{Array, RecordBatch};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// A file as it was found.
pub struct Found {
    path: PathBuf,
    hash: [u8; 32],
}

/// A file and what is in it.
pub struct File {
    /// Where.
    pub path: PathBuf,
    /// BLAKE3 of its bytes.
    pub hash: [u8; 32],
    /// Its symbols.
    pub symbols: BTreeSet<String>,
    /// First and last stamp, ns.
    pub ts_ns: (i64, i64),
    /// Blocks.
    pub blocks: usize,
    sums: Vec<Sum>,
}

/// Files that overlap in a symbol's time.
pub struct Part {
    /// By time and path.
    pub files: Vec<File>,
    /// Of all of them.
    pub symbols: BTreeSet<String>,
    /// First and last stamp, ns.
    pub ts_ns: (i64, i64),
    /// Sums over its first blocks: none, one, and so on up to all.
    pub sums: Vec<Sum>,
}

fn file_error(path: &Path, message: String) -> ImportError {
    SourceError::File { path: path.into(), message }.into()
}

/// Finds files, those of an export for its directory, and holds them against manifests.
///
/// # Errors
/// A file is not there, is named twice, or is not what its manifest says.
pub fn found(named: &[PathBuf]) -> Result<Vec<Found>, ImportError> {
    let mut paths = Vec::new();
    for path in named {
        if path.is_dir() {
            let manifest = Manifest::read(path)?.ok_or_else(|| {
                file_error(path, format!("is a directory without {MANIFEST}, so no export's"))
            })?;
            paths.extend(manifest.files.into_keys());
        } else {
            paths.push(path.clone());
        }
    }
    let mut manifests: BTreeMap<PathBuf, Option<Manifest>> = BTreeMap::new();
    let mut all: Vec<Found> = Vec::new();
    for path in paths {
        let (hash, bytes) = content(&path)?;
        // An export's files lie one folder below their manifest.
        if let Some(root) = path.parent().map(|folder| folder.join("..")) {
            if !manifests.contains_key(&root) {
                manifests.insert(root.clone(), Manifest::read(&root)?);
            }
            if let Some(Some(manifest)) = manifests.get(&root) {
                manifest.check(&path, hash, bytes)?;
            }
        }
        if let Some(other) = all.iter().find(|other| other.hash == hash) {
            return Err(ImportError::Twice(other.path.clone(), path));
        }
        all.push(Found { path, hash });
    }
    if all.is_empty() {
        return Err(ImportError::NoRows("there are no files".into()));
    }
    Ok(all)
}

fn content(path: &Path) -> Result<([u8; 32], u64), ImportError> {
    let mut hasher = blake3::Hasher::new();
    let read = fs::File::open(path).and_then(|mut file| io::copy(&mut file, &mut hasher));
    let bytes = read.map_err(|e| file_error(path, e.to_string()))?;
    Ok((*hasher.finalize().as_bytes(), bytes))
}

/// What an export says about its files.
struct Manifest {
    /// Bytes and BLAKE3 of each.
    files: BTreeMap<PathBuf, (u64, String)>,
}

impl Manifest {
    /// The manifest of a directory; `None` where there is none, or another program's.
    fn read(dir: &Path) -> Result<Option<Self>, ImportError> {
        let path = dir.join(MANIFEST);
        let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
        let Ok(value) = serde_json::from_str::<Value>(&text) else { return Ok(None) };
        if value["format"] != "btcore-export" {
            return Ok(None);
        }
        let bad =
            |message: &str| ImportError::Manifest { path: path.clone(), message: message.into() };
        let mut files = BTreeMap::new();
        for file in value["files"].as_array().ok_or_else(|| bad("lists no files"))? {
            let (name, bytes, hash) =
                (file["path"].as_str(), file["bytes"].as_u64(), file["blake3"].as_str());
            let (Some(name), Some(bytes), Some(hash)) = (name, bytes, hash) else {
                return Err(bad("has a file without path, bytes or blake3"));
            };
            files.insert(dir.join(name), (bytes, hash.to_owned()));
        }
        Ok(Some(Manifest { files }))
    }

    fn check(&self, path: &Path, hash: [u8; 32], bytes: u64) -> Result<(), ImportError> {
        let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let is_it = |named: &&PathBuf| real(named) == real(path);
        // A file that the manifest does not name is nobody's to vouch for.
        let Some(named) = self.files.keys().find(is_it) else { return Ok(()) };
        let (bytes_want, hash_want) = &self.files[named];
        if (bytes, hex(&hash)) == (*bytes_want, hash_want.clone()) {
            return Ok(());
        }
        let message = format!(
            "is not the file that {MANIFEST} names: {bytes} bytes of BLAKE3 {}, and it says {bytes_want} of {hash_want}",
            hex(&hash)
        );
        Err(ImportError::Manifest { path: path.into(), message })
    }
}

impl File {
    /// Reads a file once: its symbols, its span, its sums.
    fn read(found: &Found, layout: &Layout) -> Result<Self, ImportError> {
        let mut file = File {
            path: found.path.clone(),
            hash: found.hash,
            symbols: BTreeSet::new(),
            ts_ns: (i64::MAX, i64::MIN),
            blocks: 0,
            sums: Vec::new(),
        };
        let (mut symbols, mut span) = (BTreeSet::new(), file.ts_ns);
        let mut sums = Vec::new();
        file.blocks(layout, |block, _| {
            let mut sum = Sum::default();
            block::add(&mut sum, &block);
            sums.push(sum);
            let columns = Columns::of(&block, &found.path.display().to_string())?;
            for row in 0..columns.symbol.len() {
                let symbol = columns.symbol.value(row);
                if !symbols.contains(symbol) {
                    symbols.insert(symbol.to_owned());
                }
            }
            for stamp in columns.exch_ts.values() {
                span = (span.0.min(*stamp), span.1.max(*stamp));
            }
            signal::caught().map_or(Ok(()), |number| Err(ImportError::Signal(number)))
        })?;
        (file.blocks, file.sums, file.symbols, file.ts_ns) = (sums.len(), sums, symbols, span);
        Ok(file)
    }

    /// Gives the blocks of the file, the same each time, with the last stamp of each.
    pub fn blocks(
        &self,
        layout: &Layout,
        mut take: impl FnMut(RecordBatch, i64) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        let place = self.path.display().to_string();
        let rows = Rows::open(&self.path)?;
        let has = |name: &str| rows.schema().column_with_name(name).is_some();
        let shape = &layout.shape;
        shape::check(shape, &place, has)?;
        columns::check(&shape::schema(shape, rows.schema(), &place)?, &place)?;
        let needed = columns::needed(&place, |name| has(shape.theirs(name)))?;
        let needed = needed.into_iter().map(|name| shape.theirs(name));
        let extras = layout.extras.iter().map(|extra| extra.0).filter(|name| has(name));
        let names: Vec<&str> = needed.chain(extras).collect();
        let mut row_first = 0;
        for batch in rows.batches(&names)? {
            let batch = batch?;
            let columns = Columns::of(&shape::standard(shape, &batch, &place)?, &place)?;
            let block = block::block(&batch, &columns, layout, &place, row_first)?;
            let ts_last_ns = columns.exch_ts.values().last().copied().unwrap_or(0);
            for block in block::by_day(&block, &place)? {
                if block.num_rows() > 0 {
                    take(block, ts_last_ns)?;
                }
            }
            row_first += batch.num_rows() as u64;
        }
        Ok(())
    }
}

/// Reads the files and puts those together that overlap in a symbol's time.
///
/// # Errors
/// A file or a row cannot be read, or there are no rows.
pub fn parts(found: &[Found], layout: &Layout) -> Result<Vec<Part>, ImportError> {
    let mut files = Vec::new();
    for one in found {
        let file = File::read(one, layout)?;
        if file.blocks > 0 {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(ImportError::NoRows("the files hold none".into()));
    }
    files.sort_by(|a, b| (a.ts_ns, &a.hash).cmp(&(b.ts_ns, &b.hash)));
    let mut parts: Vec<Part> = files.into_iter().map(Part::new).collect();
    // Joined until no two overlap: a part that grew may touch others.
    let mut at = 0;
    while at < parts.len() {
        let touches = |other: &Part| parts[at].touches(other);
        match parts[at + 1..].iter().position(touches) {
            Some(other) => {
                let other = parts.remove(at + 1 + other);
                parts[at].join(other);
                at = 0;
            }
            None => at += 1,
        }
    }
    Ok(parts)
}

impl Part {
    fn new(mut file: File) -> Self {
        let mut sums = vec![Sum::default()];
        for sum in std::mem::take(&mut file.sums) {
            sums.push(sums[sums.len() - 1].plus(sum));
        }
        let (symbols, ts_ns) = (file.symbols.clone(), file.ts_ns);
        Part { files: vec![file], symbols, ts_ns, sums }
    }

    fn touches(&self, other: &Part) -> bool {
        let overlap = self.ts_ns.0 <= other.ts_ns.1 && other.ts_ns.0 <= self.ts_ns.1;
        overlap && !self.symbols.is_disjoint(&other.symbols)
    }

    fn join(&mut self, other: Part) {
        let mine = self.total();
        self.files.extend(other.files);
        self.symbols.extend(other.symbols);
        self.ts_ns = (self.ts_ns.0.min(other.ts_ns.0), self.ts_ns.1.max(other.ts_ns.1));
        self.sums.extend(other.sums[1..].iter().map(|sum| mine.plus(*sum)));
    }

    /// The sum of all blocks.
    pub fn total(&self) -> Sum {
        self.sums.last().copied().unwrap_or_default()
    }

    /// Symbols and span, for messages.
    pub fn name(&self) -> String {
        let symbols: Vec<&str> = self.symbols.iter().map(String::as_str).take(3).collect();
        let more = match self.symbols.len().saturating_sub(symbols.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let at = crate::config::scalar::instant_text;
        format!("{}{more} from {} to {}", symbols.join(", "), at(self.ts_ns.0), at(self.ts_ns.1))
    }

    /// The files, for messages.
    pub fn files_text(&self) -> String {
        match self.files.as_slice() {
            [one] => one.path.display().to_string(),
            [first, ..] => format!("{} and {} more", first.path.display(), self.files.len() - 1),
            [] => String::new(),
        }
    }
}
