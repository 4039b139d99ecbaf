//! As much of HTTP/1.1 as the proxy needs: where heads and bodies begin and end, and where a query stands.
//!
//! Invariants. A body's bytes are told apart from the lengths of its chunks; a body that ends too early is an error.

use std::io::{self, BufRead, Write};

/// The head of a request or answer, in lines.
pub struct Head {
    pub lines: Vec<String>,
}

impl Head {
    pub fn read(from: &mut impl BufRead) -> io::Result<Self> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if from.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match line.trim_end() {
                "" if lines.is_empty() => {}
                "" => return Ok(Head { lines }),
                line => lines.push(line.to_owned()),
            }
        }
    }

    fn value(&self, name: &str) -> Option<&str> {
        let pairs = self.lines.iter().filter_map(|line| line.split_once(':'));
        pairs.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim()).next()
    }

    /// The head, saying that the connection carries nothing more.
    pub fn closing(&self) -> String {
        let is_kept = |line: &&String| !line.to_ascii_lowercase().starts_with("connection:");
        let lines: Vec<&str> = self.lines.iter().filter(is_kept).map(String::as_str).collect();
        format!("{}\r\nConnection: close\r\n\r\n", lines.join("\r\n"))
    }
}

/// The body of a request or answer: its bytes, however they are framed.
pub enum Framed {
    Length(u64),
    /// Bytes left of this chunk, and whether the last one was seen.
    Chunked(u64, bool),
    ToTheEnd,
}

impl Framed {
    pub fn of(head: &Head) -> Self {
        let is_chunked = head.value("transfer-encoding").is_some_and(|v| v.contains("chunked"));
        let length = head.value("content-length").and_then(|v| v.parse().ok());
        match length {
            _ if is_chunked => Framed::Chunked(0, false),
            Some(length) => Framed::Length(length),
            None if head.lines[0].starts_with("HTTP/") => Framed::ToTheEnd,
            None => Framed::Length(0),
        }
    }

    /// The next bytes, as they come; `None` at the end.
    pub fn next(&mut self, from: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
        if let Framed::Chunked(left, is_done) = self
            && *left == 0
            && !*is_done
        {
            let mut line = String::new();
            from.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
            (*left, *is_done) = (size, size == 0);
            if *is_done {
                from.read_line(&mut line)?;
            }
        }
        let limit = match self {
            Framed::Length(left) | Framed::Chunked(left, _) => *left,
            Framed::ToTheEnd => u64::MAX,
        };
        if limit == 0 {
            return Ok(None);
        }
        let there = from.fill_buf()?;
        let piece = there[..there.len().min(limit as usize)].to_vec();
        from.consume(piece.len());
        match self {
            Framed::ToTheEnd if piece.is_empty() => return Ok(None),
            Framed::ToTheEnd => {}
            _ if piece.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
            Framed::Length(left) => *left -= piece.len() as u64,
            Framed::Chunked(left, _) => {
                *left -= piece.len() as u64;
                if *left == 0 {
                    from.read_line(&mut String::new())?;
                }
            }
        }
        Ok(Some(piece))
    }

    pub fn write(&self, to: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
        match self {
            Framed::Chunked(..) => {
                let head = format!("{:x}\r\n", bytes.len());
                to.write_all(&[head.as_bytes(), bytes, b"\r\n"].concat())
            }
            _ => to.write_all(bytes),
        }
    }

    pub fn finish(&self, to: &mut dyn Write) -> io::Result<()> {
        if matches!(self, Framed::Chunked(..)) { to.write_all(b"0\r\n\r\n") } else { Ok(()) }
    }
}

/// The query of a body: of a form its field, else all of it.
pub fn in_body(body: &str) -> String {
    let field = body.split_once("name=\"query\"").and_then(|(_, rest)| rest.split_once("\r\n\r\n"));
    field.map_or(body, |(_, rest)| rest.split("\r\n--").next().unwrap_or(rest)).to_owned()
}

/// A value of an address.
pub fn decoded(text: &str) -> String {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        let escaped = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], escaped) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}
