//! Refusals in the words of the server: `Code: N. DB::Exception: text. (NAME) (version V)`, and the
//! HTTP status that belongs to each code.
//!
//! Invariants. Every refusal has a code and one line of text that starts with it. The text names
//! the version at its end, as a server's does, so that clients which search for it find it.

use hyper::StatusCode;

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: u32,
    pub text: String,
}

impl Refusal {
    /// A refusal by the front itself.
    pub fn new(code: u32, text: &str, name: &str) -> Self {
        Self { code, text: format!("Code: {code}. DB::Exception: {text}. ({name})") }
    }

    /// A refusal by the engine. What carries no code came from the engine's own interface.
    pub fn from_engine(text: String) -> Self {
        let code = text.strip_prefix("Code: ").and_then(|t| t.split('.').next()?.parse().ok());
        match code {
            Some(code) => Self { code, text },
            None => Self::new(1001, &text, "STD_EXCEPTION"),
        }
    }

    /// The body of the answer.
    pub fn body(&self, version: &str) -> String {
        let text = self.text.trim_end();
        let text = text.strip_suffix(&format!(" (version {version})")).unwrap_or(text);
        format!("{text} (version {version} (official build))\n")
    }

    /// The status a server answers with.
    pub fn status(&self) -> StatusCode {
        match self.code {
            194 => StatusCode::UNAUTHORIZED,
            192 | 193 | 516 => StatusCode::FORBIDDEN,
            // Text, data or types that do not parse.
            6 | 25..=27 | 38 | 41 | 53 | 62 | 69 | 72 | 117 | 167 | 168 | 457 => {
                StatusCode::BAD_REQUEST
            }
            // Something named that is not there.
            46 | 47 | 50 | 56 | 60 | 63 | 73 | 78 | 81 | 115 | 336 => StatusCode::NOT_FOUND,
            48 => StatusCode::NOT_IMPLEMENTED,
            159 | 209 => StatusCode::REQUEST_TIMEOUT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// The block that ends an answer which failed after its first byte went out. The length counts the
/// message with its line end; clients read the block from its end.
pub fn exception_block(message: &str, tag: &str) -> String {
    let length = message.len();
    format!("\r\n__exception__\r\n{tag}\r\n{message}{length} {tag}\r\n__exception__\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_code() {
        let refusal = Refusal::from_engine("Code: 60. DB::Exception: x. (UNKNOWN_TABLE)".into());
        assert_eq!((refusal.code, refusal.status()), (60, StatusCode::NOT_FOUND));
        assert!(refusal.body("1.2").ends_with("(UNKNOWN_TABLE) (version 1.2 (official build))\n"));
        let bare = Refusal::from_engine("Invalid insert stream".into());
        assert_eq!((bare.code, bare.status().as_u16()), (1001, 500));
    }

    #[test]
    fn block_counts_the_line_end() {
        let block = exception_block("Code: 1\n", "abc");
        assert_eq!(block, "\r\n__exception__\r\nabc\r\nCode: 1\n8 abc\r\n__exception__\r\n");
    }
}
