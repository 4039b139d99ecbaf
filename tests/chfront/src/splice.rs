//! Joins the blocks of a streamed answer. The engine makes every block a complete document, with
//! header and end mark; a server's answer has each once.
//!
//! Invariants. Only formats listed here are streamed; all others are made whole by the engine. A
//! block whose shape is not the expected one is an error, never passed on.

/// Marks the end of an Arrow stream: a continuation mark and a length of zero.
const ARROW_END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
const ARROW_MARK: [u8; 4] = [0xff; 4];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// Documents laid end to end are a document.
    Bare,
    /// Starts with column names and types.
    NamesAndTypes,
    /// Starts with a schema message and ends with an end mark.
    Arrow,
}

/// The state of one joined answer.
#[derive(Debug)]
pub struct Splice {
    framing: Framing,
    started: bool,
}

impl Splice {
    /// A splice for `format`, or nothing when its blocks cannot be joined.
    pub fn of(format: &str) -> Option<Self> {
        let framing = match format {
            "TabSeparated" | "TSV" | "TabSeparatedRaw" | "TSVRaw" | "RowBinary" | "Native" => {
                Framing::Bare
            }
            "RowBinaryWithNamesAndTypes" => Framing::NamesAndTypes,
            "ArrowStream" => Framing::Arrow,
            _ => return None,
        };
        Some(Self { framing, started: false })
    }

    /// Has an answer without rows still a header to send?
    pub fn needs_header(&self) -> bool {
        self.framing != Framing::Bare
    }

    /// The part of the next block that belongs in the answer.
    pub fn part<'a>(&mut self, block: &'a [u8]) -> Result<&'a [u8], String> {
        let header = match self.framing {
            Framing::Bare => 0,
            Framing::NamesAndTypes => names_and_types_len(block).ok_or("a block without names")?,
            Framing::Arrow => arrow_schema_len(block).ok_or("a block without schema")?,
        };
        let end = match self.framing {
            Framing::Arrow => {
                let rows = block.strip_suffix(&ARROW_END).ok_or("a block without end mark")?;
                rows.len()
            }
            _ => block.len(),
        };
        let start = if self.started { header } else { 0 };
        self.started = true;
        block.get(start..end).ok_or_else(|| "a block shorter than its header".to_owned())
    }

    /// What follows the last block.
    pub fn end(&self) -> &'static [u8] {
        if self.framing == Framing::Arrow && self.started { &ARROW_END } else { &[] }
    }
}

/// Length of the schema message, which has no body: mark, length, that many bytes.
fn arrow_schema_len(block: &[u8]) -> Option<usize> {
    let length: [u8; 4] = block.strip_prefix(&ARROW_MARK)?.get(..4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(length)).ok()?.checked_add(8)
}

/// Length of a count, that many names and that many types, each with its length before it.
fn names_and_types_len(block: &[u8]) -> Option<usize> {
    let mut at = 0;
    let columns = varint(block, &mut at)?;
    for _ in 0..columns.checked_mul(2)? {
        let length = varint(block, &mut at)?;
        at = at.checked_add(length).filter(|at| *at <= block.len())?;
    }
    Some(at)
}

fn varint(block: &[u8], at: &mut usize) -> Option<usize> {
    let mut value = 0;
    for shift in (0..56).step_by(7) {
        let byte = *block.get(*at)?;
        *at += 1;
        value |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_first_header() {
        let mut splice = Splice::of("RowBinaryWithNamesAndTypes").expect("streamed");
        assert_eq!(splice.part(b"\x01\x01a\x05UInt8\x07"), Ok(&b"\x01\x01a\x05UInt8\x07"[..]));
        assert_eq!(splice.part(b"\x01\x01a\x05UInt8\x08"), Ok(&b"\x08"[..]));
        assert!(splice.part(b"\x01\x01").is_err());
        assert!(Splice::of("Parquet").is_none());
    }
}
