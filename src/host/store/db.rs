//! A connection to the database: statements, questions and single blocks, asked again where what failed was the way there.
//!
//! Invariants: whatever goes through here may be done twice: questions, statements that say `IF NOT EXISTS` or the like, and
//! blocks with a deduplication token. A server's refusal is final; only the network, a time-out and a server that is busy are tried
//! again. No message holds the password.

use super::StoreError;
use crate::config::data::{Patience, Server};
use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use bytes::Bytes;
use clickhouse::query::Query;
use clickhouse::{Client, RowOwned, RowRead};
use tokio::runtime::Runtime;

/// A database on a server.
pub struct Db {
    client: Client,
    runtime: Runtime,
    place: String,
    database: String,
    patience: Patience,
    password: String,
}

impl Db {
    /// Makes a client; nothing is sent yet.
    ///
    /// # Errors
    /// The password is not where the config says.
    pub fn new(server: &Server) -> Result<Self, StoreError> {
        let place = format!("{} ({})", server.url, server.database);
        let fail = |message: String| StoreError::Server { place: place.clone(), message };
        let password = server.password.read().map_err(&fail)?;
        let client = Client::default()
            .with_url(&server.url)
            .with_user(&server.user)
            .with_password(&password);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| fail(e.to_string()))?;
        let (database, patience) = (server.database.clone(), server.patience);
        Ok(Db { client, runtime, place, database, patience, password })
    }

    /// Server and database, for messages.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Runs a statement outside of the database, which need not be there.
    ///
    /// # Errors
    /// The server refuses, or cannot be reached.
    pub fn execute_outside(&self, sql: &str) -> Result<(), StoreError> {
        self.again(async || {
            self.client.query(sql).param("database", &self.database).execute().await
        })
    }

    /// Runs a statement in the database.
    ///
    /// # Errors
    /// As [`Db::execute_outside`].
    pub fn execute(&self, sql: &str, bind: impl Fn(Query) -> Query) -> Result<(), StoreError> {
        let client = self.client.clone().with_database(&self.database);
        self.again(async || bind(client.query(sql)).execute().await)
    }

    /// Runs a statement that must not be done twice: it is not tried again.
    ///
    /// # Errors
    /// The server refuses, or cannot be reached.
    pub fn execute_once(&self, sql: &str) -> Result<(), StoreError> {
        let client = self.client.clone().with_database(&self.database);
        let done = self.runtime.block_on(client.query(sql).execute());
        done.map_err(|error| self.fail(self.told(&error)))
    }

    /// Asks in the database.
    ///
    /// # Errors
    /// As [`Db::execute_outside`].
    pub fn ask<T: RowOwned + RowRead>(
        &self,
        sql: &str,
        bind: impl Fn(Query) -> Query,
    ) -> Result<Vec<T>, StoreError> {
        let client = self.client.clone().with_database(&self.database);
        self.again(async || bind(client.query(sql)).fetch_all::<T>().await)
    }

    /// Asks the server's own tables, with the database's name bound as `database`, which need not be there.
    ///
    /// # Errors
    /// As [`Db::execute_outside`].
    pub fn ask_system<T: RowOwned + RowRead>(&self, sql: &str) -> Result<Vec<T>, StoreError> {
        self.again(async || {
            self.client.query(sql).param("database", &self.database).fetch_all::<T>().await
        })
    }

    /// Writes one block, whole or not at all; once, however often it is sent, as long as the server remembers `token`.
    ///
    /// # Errors
    /// As [`Db::execute_outside`].
    pub fn insert(
        &self,
        table: &'static str,
        batch: &RecordBatch,
        token: &str,
    ) -> Result<(), StoreError> {
        let schema = batch.schema();
        let columns: Vec<&str> =
            schema.fields().iter().map(|field| field.name().as_str()).collect();
        debug_assert!(columns.iter().all(|name| is_plain(name)));
        let sql = format!("INSERT INTO {table} ({}) FORMAT ArrowStream", columns.join(", "));
        let body = stream(batch).map_err(|message| self.fail(message))?;
        let client = self.client.clone().with_database(&self.database);
        let patience = Some(self.patience.receive_timeout);
        self.again(async || {
            let mut insert = client
                .insert_formatted_with(&sql)
                .with_setting("insert_deduplication_token", token)
                .with_setting("async_insert", "0")
                .with_setting("wait_end_of_query", "1")
                .with_timeouts(patience, patience);
            insert.send(body.clone()).await?;
            insert.end().await
        })
    }

    /// A server error of this place.
    pub fn fail(&self, message: String) -> StoreError {
        StoreError::Server { place: self.place.clone(), message }
    }

    /// Does something until it is done, refused, or has failed too often.
    fn again<T>(
        &self,
        attempt: impl AsyncFn() -> Result<T, clickhouse::error::Error>,
    ) -> Result<T, StoreError> {
        let mut retry = 0;
        loop {
            let answer =
                async { tokio::time::timeout(self.patience.receive_timeout, attempt()).await };
            let error = match self.runtime.block_on(answer) {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) => error,
                Err(_) => clickhouse::error::Error::TimedOut,
            };
            let is_final = !is_passing(&error);
            if is_final || retry == self.patience.retries {
                let tried = match retry {
                    0 => String::new(),
                    n => format!(" (tried {} times)", n + 1),
                };
                return Err(self.fail(format!("{}{tried}", self.told(&error))));
            }
            retry += 1;
            let pause = self.patience.pause(retry);
            eprintln!(
                "warning: ClickHouse {}: {}; trying again in {} ms",
                self.place,
                self.told(&error),
                pause.as_millis()
            );
            std::thread::sleep(pause);
        }
    }

    /// An error with its causes, without the password, whatever the server quotes.
    fn told(&self, error: &dyn std::error::Error) -> String {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let part = error.to_string();
            if !text.contains(&part) {
                text = format!("{text}: {part}");
            }
            cause = error.source();
        }
        if !self.password.is_empty() {
            text = text.replace(&self.password, "***");
        }
        text
    }
}

/// Codes of exceptions that pass: a server that is busy, short of memory, or lost a peer.
const PASSING: [&str; 7] = ["159", "202", "209", "210", "236", "241", "252"];

/// Whether the same again may end otherwise.
fn is_passing(error: &clickhouse::error::Error) -> bool {
    use clickhouse::error::Error;
    match error {
        Error::Network(_) | Error::TimedOut | Error::NotEnoughData | Error::Decompression(_) => {
            true
        }
        Error::BadResponse(text) => match text.split_once("Code: ") {
            Some((_, code)) => {
                let digits = code.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
                PASSING.contains(&digits)
            }
            // Not the server's own words: a gateway between, or an answer that was cut.
            None => true,
        },
        _ => false,
    }
}

/// A block as the server reads it.
fn stream(batch: &RecordBatch) -> Result<Bytes, String> {
    let mut body = Vec::new();
    let written = StreamWriter::try_new(&mut body, &batch.schema()).and_then(|mut writer| {
        writer.write(batch)?;
        writer.finish()
    });
    written.map_err(|e| e.to_string())?;
    Ok(body.into())
}

/// Whether a word may stand in a statement as a name.
pub fn is_plain(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty()
        && name.len() <= 128
        && name.chars().all(is_letter)
        && !name.starts_with(|c: char| c.is_ascii_digit())
}
