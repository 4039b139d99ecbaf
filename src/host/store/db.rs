//! A connection to the database: statements, questions and single blocks, asked again where what failed may pass.
//!
//! Invariants: whatever goes through here may be done twice: questions, statements that say `IF NOT EXISTS` or the like, and
//! blocks with a deduplication token; blocks travel compressed, behind a checksum that the server holds them to. What a failure
//! means, and when to try again, is said in [`crate::server`]. No message holds the password.

use super::StoreError;
use crate::config::data::{Server, is_plain};
use crate::server::client::{Trust, client};
use crate::server::failure::{code, within};
use crate::server::{Failure, Secret, Talk};
use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use bytes::Bytes;
use clickhouse::query::Query;
use clickhouse::{Client, Compression, RowOwned, RowRead};
use tokio::runtime::Runtime;

/// A database on a server.
pub struct Db {
    client: Client,
    runtime: Runtime,
    place: String,
    database: String,
    talk: Talk,
}

impl Db {
    /// Makes a client; nothing is sent yet.
    ///
    /// # Errors
    /// The password or the authorities are not where the config says.
    pub fn new(server: &Server) -> Result<Self, StoreError> {
        let place = format!("{} ({})", server.url, server.database);
        let fail = |message: String| StoreError::Server { place: place.clone(), message };
        let password = server.password.read().map_err(&fail)?;
        let trust = Trust::of(&server.url, server.ca_file.as_deref());
        let trust = trust.map_err(|failure| fail(failure.message))?;
        let client = client(&server.url, &trust, server.patience.connect_timeout)
            .with_compression(Compression::Lz4)
            .with_user(&server.user)
            .with_password(&password);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| fail(e.to_string()))?;
        let talk = Talk::new(place.clone(), server.patience, Some(Secret::new(password)));
        Ok(Db { client, runtime, place, database: server.database.clone(), talk })
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
        self.again("a statement", async || {
            self.client.query(sql).param("database", &self.database).execute().await
        })
    }

    /// Runs a statement in the database.
    ///
    /// # Errors
    /// As [`Db::execute_outside`].
    pub fn execute(&self, sql: &str, bind: impl Fn(Query) -> Query) -> Result<(), StoreError> {
        let client = self.client.clone().with_database(&self.database);
        self.again("a statement", async || bind(client.query(sql)).execute().await)
    }

    /// Runs a statement that must not be done twice: it is not tried again.
    ///
    /// # Errors
    /// The server refuses, or cannot be reached.
    pub fn execute_once(&self, sql: &str) -> Result<(), StoreError> {
        let client = self.client.clone().with_database(&self.database);
        let done = self.runtime.block_on(client.query(sql).execute());
        done.map_err(|error| self.fail(self.talk.scrub(&Failure::from(error).message)))
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
        self.again("a question", async || bind(client.query(sql)).fetch_all::<T>().await)
    }

    /// Asks the server's own tables, with the database's name bound as `database`, which need not be there.
    ///
    /// # Errors
    /// As [`Db::execute_outside`].
    pub fn ask_system<T: RowOwned + RowRead>(&self, sql: &str) -> Result<Vec<T>, StoreError> {
        self.ask_system_of(sql, |query| query)
    }

    /// The same with values of its own.
    ///
    /// # Errors
    /// As [`Db::execute_outside`].
    pub fn ask_system_of<T: RowOwned + RowRead>(
        &self,
        sql: &str,
        bind: impl Fn(Query) -> Query,
    ) -> Result<Vec<T>, StoreError> {
        self.again("a question", async || {
            let query = self.client.query(sql).param("database", &self.database);
            bind(query).fetch_all::<T>().await
        })
    }

    /// Writes one block, whole or not at all; once, however often it is sent, as long as the server remembers `token`.
    ///
    /// # Errors
    /// As [`Db::execute_outside`].
    pub fn insert(&self, table: &str, batch: &RecordBatch, token: &str) -> Result<(), StoreError> {
        let schema = batch.schema();
        let columns: Vec<&str> =
            schema.fields().iter().map(|field| field.name().as_str()).collect();
        debug_assert!(columns.iter().all(|name| is_plain(name)) && is_plain(table));
        let sql = format!("INSERT INTO `{table}` (`{}`) FORMAT ArrowStream", columns.join("`, `"));
        let body = stream(batch).map_err(|message| self.fail(message))?;
        let client = self.client.clone().with_database(&self.database);
        let patience = Some(self.talk.patience().receive_timeout);
        self.again(&format!("a block of {table}"), async || {
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
        what: &str,
        attempt: impl AsyncFn() -> Result<T, clickhouse::error::Error>,
    ) -> Result<T, StoreError> {
        let patience = self.talk.patience().receive_timeout;
        let once = || {
            let attempt = async { attempt().await.map_err(judged) };
            self.runtime.block_on(within(patience, attempt))
        };
        self.talk.persist(what, once).map_err(|message| self.fail(message))
    }
}

/// A block that was damaged on the way is refused by its checksum, CHECKSUM_DOESNT_MATCH, or by a size that cannot be,
/// TOO_LARGE_SIZE_COMPRESSED or CANNOT_DECOMPRESS: it is whole where it came from.
fn judged(error: clickhouse::error::Error) -> Failure {
    let failure = Failure::from(error);
    let is_damaged = matches!(code(&failure.message), Some(40 | 218 | 271));
    Failure { may_pass: failure.may_pass || is_damaged, ..failure }
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
