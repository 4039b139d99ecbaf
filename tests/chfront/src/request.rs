//! What a request asks for: its statement, data, settings and parameters, gathered from the
//! address, the headers and the body, which may be a form.
//!
//! Invariants. A name given twice takes its last value, and the address wins over the headers. A
//! name the protocol does not know is a setting of the engine, which refuses those it does not
//! know either, so a misspelt setting never passes in silence.

use bytes::Bytes;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};

use crate::blocks;
use crate::engine::Param;
use crate::errors::Refusal;

/// A request, read.
#[derive(Debug, Default)]
pub struct Call {
    /// The statement in the address or form.
    pub query: String,
    /// The rest of the statement, or the data of an insert, opened.
    pub body: Vec<u8>,
    pub database: String,
    /// The format used where the statement names none.
    pub format: Option<String>,
    pub settings: Vec<Param>,
    pub params: Vec<Param>,
    pub query_id: String,
    pub user: String,
    pub password: String,
    /// Answer in native compressed blocks.
    pub compress: bool,
    /// The client takes an LZ4 frame.
    pub accepts_lz4: bool,
    /// Make the answer whole before sending its status.
    pub whole: bool,
    /// A GET may not change anything.
    pub readonly: bool,
}

impl Call {
    pub fn read(parts: &Parts, body: &Bytes) -> Result<Self, Refusal> {
        let mut call = Call { readonly: parts.method == Method::GET, ..Call::default() };
        let headers = &parts.headers;
        call.user = header(headers, "x-clickhouse-user").unwrap_or("default").to_owned();
        call.password = header(headers, "x-clickhouse-key").unwrap_or_default().to_owned();
        call.database = header(headers, "x-clickhouse-database").unwrap_or_default().to_owned();
        call.format = header(headers, "x-clickhouse-format").map(str::to_owned);
        call.accepts_lz4 = header(headers, ACCEPT_ENCODING.as_str())
            .is_some_and(|v| v.split(',').any(|c| c.trim().eq_ignore_ascii_case("lz4")));
        if let Some(coding) = header(headers, CONTENT_ENCODING.as_str()) {
            let text = format!("The front takes no Content-Encoding {coding} of a request");
            return Err(Refusal::new(48, &text, "NOT_IMPLEMENTED"));
        }
        let mut decompress = false;
        for (name, value) in pairs(parts.uri.query().unwrap_or_default()) {
            if name == "decompress" {
                decompress = is_on(&value);
            } else {
                call.take(name, value);
            }
        }
        let content_type = header(headers, CONTENT_TYPE.as_str()).unwrap_or_default();
        if let Some(boundary) = boundary(content_type) {
            for (name, value) in form_fields(body, boundary)? {
                call.take(name, value);
            }
        } else {
            call.body = if decompress { blocks::decompress(body)? } else { body.to_vec() };
        }
        Ok(call)
    }

    fn take(&mut self, name: String, value: String) {
        if let Some(param) = name.strip_prefix("param_") {
            self.params.push((param.to_owned(), value));
            return;
        }
        match name.as_str() {
            "query" => self.query.push_str(&value),
            "database" => self.database = value,
            "default_format" => self.format = Some(value),
            "query_id" => self.query_id = value,
            "user" => self.user = value,
            "password" => self.password = value,
            "compress" => self.compress = is_on(&value),
            "wait_end_of_query" => self.whole = is_on(&value),
            "enable_http_compression" if !is_on(&value) => self.accepts_lz4 = false,
            // Known to the protocol and without meaning here: there are no sessions and no roles.
            "session_id"
            | "session_timeout"
            | "session_check"
            | "role"
            | "quota_key"
            | "stacktrace"
            | "buffer_size"
            | "client_protocol_version" => {}
            _ => self.settings.push((name, value)),
        }
    }

    /// The statement that applies the settings, if there are any.
    pub fn set_statement(&self) -> Result<Option<String>, Refusal> {
        let mut assignments = Vec::new();
        for (name, value) in &self.settings {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
            if name.is_empty() || !name.chars().all(plain) {
                let text = format!("Unknown setting '{name}'");
                return Err(Refusal::new(115, &text, "UNKNOWN_SETTING"));
            }
            assignments.push(format!("{name} = {}", quoted(value, '\'')));
        }
        Ok((!assignments.is_empty()).then(|| format!("SET {}", assignments.join(", "))))
    }
}

/// Quotes a value or a name for the engine.
pub fn quoted(text: &str, quote: char) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        if c == quote || c == '\\' {
            out.push('\\');
        }
        out.push(c);
    }
    out.push(quote);
    out
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn is_on(value: &str) -> bool {
    value == "1" || value.eq_ignore_ascii_case("true")
}

fn pairs(query: &str) -> impl Iterator<Item = (String, String)> + '_ {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (url_decode(name), url_decode(value))
    })
}

/// Undoes percent coding. A stray percent sign stands for itself.
fn url_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = || {
            let digits = std::str::from_utf8(bytes.get(at + 1..at + 3)?).ok()?;
            u8::from_str_radix(digits, 16).ok()
        };
        match (bytes[at], hex()) {
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

fn boundary(content_type: &str) -> Option<&str> {
    let (kind, rest) = content_type.split_once(';')?;
    let found = rest.split(';').find_map(|p| p.trim().strip_prefix("boundary="))?;
    kind.trim().eq_ignore_ascii_case("multipart/form-data").then(|| found.trim_matches('"'))
}

/// The text fields of a form. A file field is external data, which the front does not take.
fn form_fields(body: &[u8], boundary: &str) -> Result<Vec<(String, String)>, Refusal> {
    let bad = || Refusal::new(36, "Malformed multipart form", "BAD_ARGUMENTS");
    let text = std::str::from_utf8(body).map_err(|_| bad())?;
    let mark = format!("--{boundary}");
    let mut fields = Vec::new();
    for part in text.split(mark.as_str()).skip(1) {
        let Some(part) = part.strip_prefix("\r\n") else {
            break; // The closing mark.
        };
        let (head, value) = part.split_once("\r\n\r\n").ok_or_else(bad)?;
        let value = value.strip_suffix("\r\n").ok_or_else(bad)?;
        if head.contains("filename=") {
            let text = "The front takes no external data";
            return Err(Refusal::new(48, text, "NOT_IMPLEMENTED"));
        }
        let (_, name) = head.split_once(" name=\"").ok_or_else(bad)?;
        let (name, _) = name.split_once('"').ok_or_else(bad)?;
        fields.push((name.to_owned(), value.to_owned()));
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_addresses() {
        let got: Vec<_> = pairs("query=SELECT+1%2B1&a=%zz&b&param_x=%E5%8F%B0").collect();
        let want = [("query", "SELECT 1+1"), ("a", "%zz"), ("b", ""), ("param_x", "\u{53f0}")];
        assert!(got.iter().map(|(n, v)| (n.as_str(), v.as_str())).eq(want));
    }

    #[test]
    fn reads_forms() {
        let body = "--xy\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT 1\r\n\
                    --xy\r\nContent-Disposition: form-data; name=\"param_a\"\r\n\r\n\r\n--xy--\r\n";
        let fields = form_fields(body.as_bytes(), "xy").expect("reads");
        let want = [("query", "SELECT 1"), ("param_a", "")];
        assert!(fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).eq(want));
        assert_eq!(boundary("multipart/form-data; boundary=xy"), Some("xy"));
        assert_eq!(boundary("text/plain; charset=UTF-8"), None);
    }

    #[test]
    fn quotes_what_would_end_the_text() {
        assert_eq!(quoted("a'b\\", '\''), "'a\\'b\\\\'");
    }
}
