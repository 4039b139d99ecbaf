//! The HTTP client of a server: its connections, and whom they trust.
//!
//! Invariants: a client has connections of its own. A connection is driven by the runtime that opened it, so a client must
//! not serve two runtimes: the one would wait on a connection that the other no longer drives. Over https the server's
//! certificate is checked against the machine's authorities, or against those of a file and no others; there is
//! no way to leave that out.

use super::Failure;
use clickhouse::Client;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A connection that is not used for so long is closed; a server does it after three seconds by default.
const IDLE: Duration = Duration::from_secs(2);
/// TCP asks after the other side this often.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// Whom the clients of one address trust; nobody is asked over plain http. Costs some milliseconds, a client of it none.
#[derive(Clone, Debug)]
pub struct Trust(Option<Arc<ClientConfig>>);

impl Trust {
    /// Reads the authorities that an https address is checked against.
    ///
    /// # Errors
    /// There are none, or they cannot be read.
    pub fn of(url: &str, ca_file: Option<&Path>) -> Result<Self, Failure> {
        if !url.starts_with("https://") {
            return Ok(Trust(None));
        }
        let provider = rustls::crypto::ring::default_provider();
        let config = ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::lasting(format!("https: {error}")))?
            .with_root_certificates(authorities(ca_file)?)
            .with_no_client_auth();
        Ok(Trust(Some(config.into())))
    }
}

/// A client without user, database and settings. A connection must be there within `connect_timeout`.
pub fn client(url: &str, trust: &Trust, connect_timeout: Duration) -> Client {
    let mut tcp = HttpConnector::new();
    tcp.set_keepalive(Some(KEEP_ALIVE));
    tcp.set_connect_timeout(Some(connect_timeout));
    let mut builder = legacy::Client::builder(TokioExecutor::new());
    builder.pool_idle_timeout(IDLE);
    let client = match &trust.0 {
        None => Client::with_http_client(builder.build(tcp)),
        Some(config) => {
            tcp.enforce_http(false);
            let tls = HttpsConnectorBuilder::new().with_tls_config(config.as_ref().clone());
            Client::with_http_client(
                builder.build(tls.https_only().enable_http1().wrap_connector(tcp)),
            )
        }
    };
    client.with_url(url)
}

fn authorities(ca_file: Option<&Path>) -> Result<RootCertStore, Failure> {
    let mut store = RootCertStore::empty();
    let Some(path) = ca_file else {
        let found = rustls_native_certs::load_native_certs();
        // Among hundreds there may be one that cannot be read; the others can.
        store.add_parsable_certificates(found.certs);
        if store.is_empty() {
            return Err(Failure::lasting(
                "https: this machine knows no authorities; name one by `ca_file`",
            ));
        }
        return Ok(store);
    };
    let fail =
        |error: &dyn Display| Failure::lasting(format!("ca_file {}: {error}", path.display()));
    for certificate in CertificateDer::pem_file_iter(path).map_err(|e| fail(&e))? {
        let added = store.add(certificate.map_err(|e| fail(&e))?);
        added.map_err(|e| fail(&e))?;
    }
    if store.is_empty() {
        return Err(fail(&"holds no certificate"));
    }
    Ok(store)
}
