//! Just enough of the SQL grammar to route a statement: which format it answers in, whether it
//! carries insert data and where those data start, and whether there is more than one statement.
//!
//! Invariants. Nothing after the first byte of insert data is read as SQL, so data may hold any
//! byte. Quoted text, comments and everything inside parentheses is skipped. When in doubt the
//! statement is passed to the engine as it is, whose word on syntax is final.

use crate::errors::Refusal;

/// How to run a statement.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan<'a> {
    /// Runs as it stands. `format` is that of its FORMAT clause.
    Query { select: bool, format: Option<String> },
    /// An INSERT with its data cut off.
    Insert { head: &'a [u8], format: Option<String>, data: &'a [u8] },
}

#[derive(Clone, Copy)]
enum Token<'a> {
    Word(&'a [u8]),
    Symbol(u8),
    Quoted,
}

impl Token<'_> {
    fn is(self, word: &str) -> bool {
        matches!(self, Token::Word(w) if w.eq_ignore_ascii_case(word.as_bytes()))
    }
}

/// Yields the tokens outside all parentheses, with their start and end.
struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Lexer<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// Moves past blanks and comments.
    fn skip_blank(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let skipped = match rest {
                [b, ..] if b.is_ascii_whitespace() => 1,
                [b'-', b'-', ..] | [b'#', b' ' | b'!', ..] => line_len(rest),
                [b'/', b'*', tail @ ..] => 2 + find(tail, b"*/").map_or(tail.len(), |i| i + 2),
                _ => return,
            };
            self.at += skipped;
        }
    }

    fn next_any(&mut self) -> Option<(Token<'a>, usize, usize)> {
        self.skip_blank();
        let start = self.at;
        let rest = &self.text[start..];
        let (token, len) = match *rest.first()? {
            quote @ (b'\'' | b'"' | b'`') => (Token::Quoted, quoted_len(rest, quote)),
            b if is_word(b) => {
                let len = rest.iter().take_while(|b| is_word(**b)).count();
                (Token::Word(&rest[..len]), len)
            }
            b => (Token::Symbol(b), 1),
        };
        self.at += len;
        Some((token, start, self.at))
    }

    fn next_outer(&mut self) -> Option<(Token<'a>, usize, usize)> {
        loop {
            let found = self.next_any()?;
            match found.0 {
                Token::Symbol(b'(' | b'[' | b'{') => self.depth += 1,
                Token::Symbol(b')' | b']' | b'}') => self.depth = self.depth.saturating_sub(1),
                _ if self.depth == 0 => return Some(found),
                _ => {}
            }
        }
    }
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80
}

fn line_len(text: &[u8]) -> usize {
    text.iter().position(|b| *b == b'\n').unwrap_or(text.len())
}

fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|w| w == needle)
}

/// Length of a quoted text with its quotes. A doubled quote reads as two texts side by side, which
/// skips the same bytes.
fn quoted_len(text: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(&b) = text.get(at) {
        at += if b == b'\\' { 2 } else { 1 };
        if b == quote {
            return at;
        }
    }
    text.len()
}

/// Is this an INSERT? Asked of the text in the address before the body is known to be data.
pub fn is_insert(text: &[u8]) -> bool {
    Lexer::new(text).next_any().is_some_and(|t| t.0.is("INSERT"))
}

/// Decides how to run `text`.
pub fn plan(text: &[u8]) -> Result<Plan<'_>, Refusal> {
    if is_insert(text) {
        return Ok(plan_insert(text));
    }
    let mut first = Lexer::new(text);
    let first = loop {
        match first.next_any() {
            Some((Token::Symbol(b'('), ..)) => {}
            Some((token, ..)) => break token,
            None => return Err(Refusal::new(62, "Empty query", "SYNTAX_ERROR")),
        }
    };
    let mut lexer = Lexer::new(text);
    let tokens: Vec<_> = std::iter::from_fn(|| lexer.next_outer()).map(|t| t.0).collect();
    let end = tokens.iter().position(|t| matches!(t, Token::Symbol(b';'))).unwrap_or(tokens.len());
    if tokens[end..].iter().any(|t| !matches!(t, Token::Symbol(b';'))) {
        return Err(Refusal::new(
            62,
            "Syntax error (Multi-statements are not allowed)",
            "SYNTAX_ERROR",
        ));
    }
    let select = first.is("SELECT") || first.is("WITH");
    Ok(Plan::Query { select, format: format_clause(&tokens[..end]) })
}

/// The FORMAT clause stands at the end, with at most SETTINGS or INTO after it; a column that
/// happens to be called `format` is followed by something else.
fn format_clause(tokens: &[Token<'_>]) -> Option<String> {
    (0..tokens.len()).rev().find_map(|i| match tokens[i..] {
        [clause, Token::Word(name), ref rest @ ..]
            if clause.is("FORMAT")
                && rest.first().is_none_or(|t| t.is("SETTINGS") || t.is("INTO")) =>
        {
            Some(String::from_utf8_lossy(name).into_owned())
        }
        _ => None,
    })
}

fn plan_insert(text: &[u8]) -> Plan<'_> {
    let mut lexer = Lexer::new(text);
    while let Some((token, start, end)) = lexer.next_outer() {
        if token.is("SELECT") || token.is("WITH") {
            return Plan::Query { select: false, format: None };
        }
        if token.is("VALUES") {
            let format = Some("Values".to_owned());
            return Plan::Insert { head: &text[..start], format, data: &text[end..] };
        }
        if token.is("FORMAT")
            && let Some((Token::Word(name), _, end)) = lexer.next_any()
        {
            let format = Some(String::from_utf8_lossy(name).into_owned());
            return Plan::Insert { head: &text[..start], format, data: after_format(text, end) };
        }
    }
    Plan::Insert { head: text, format: None, data: &[] }
}

/// Data start after the blanks that follow the format's name and one line end, if there is one.
fn after_format(text: &[u8], mut at: usize) -> &[u8] {
    while matches!(text.get(at), Some(b' ' | b'\t' | 0x0c)) {
        at += 1;
    }
    match text[at..] {
        [b'\r', b'\n', ref data @ ..] | [b'\n', ref data @ ..] => data,
        ref data => data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> (bool, Option<String>) {
        match plan(text.as_bytes()) {
            Ok(Plan::Query { select, format }) => (select, format),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn finds_the_format_clause() {
        assert_eq!(query("SELECT 1"), (true, None));
        assert_eq!(query("(SELECT 1) FORMAT CSV ;"), (true, Some("CSV".into())));
        assert_eq!(query("select 1 format Native settings a=1"), (true, Some("Native".into())));
        assert_eq!(query("SELECT format FROM t -- FORMAT CSV"), (true, None));
        assert_eq!(query("SELECT ' FORMAT CSV', (1 FORMAT Native)"), (true, None));
        assert_eq!(query("/* x */ SHOW TABLES"), (false, None));
        assert_eq!(query("INSERT INTO t SELECT 1"), (false, None));
        assert!(plan(b"SELECT 1; SELECT 2").is_err());
        assert!(plan(b" -- nothing\n").is_err());
        assert_eq!(query("SELECT ';'; ;"), (true, None));
    }

    #[test]
    fn cuts_insert_data_off() {
        type Case = (&'static [u8], &'static [u8], &'static str, &'static [u8]);
        let cases: [Case; 4] = [
            (b"INSERT INTO t (a) FORMAT RowBinary", b"INSERT INTO t (a) ", "RowBinary", b""),
            (b"INSERT INTO t FORMAT X \n\n;'\x00", b"INSERT INTO t ", "X", b"\n;'\x00"),
            (b"INSERT INTO `FORMAT`(`VALUES`) VALUES (1)", b"", "Values", b" (1)"),
            (b"insert into t format CSV 1", b"insert into t ", "CSV", b"1"),
        ];
        for (text, want_head, want_format, want_data) in cases {
            let Ok(Plan::Insert { head, format, data }) = plan(text) else {
                panic!("not an insert: {}", String::from_utf8_lossy(text));
            };
            assert!(want_head.is_empty() || head == want_head, "head of {text:?}");
            assert_eq!((format.as_deref(), data), (Some(want_format), want_data));
        }
        let bare = Plan::Insert { head: b"INSERT INTO t", format: None, data: b"" };
        assert_eq!(plan(b"INSERT INTO t").expect("plans"), bare);
    }
}
