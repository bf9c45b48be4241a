//! Runs the S3 server until it is interrupted, for measurements of whole processes.

use std::io::{self, Write};

use object_store::ObjectStore;

/// The one bucket.
const BUCKET: &str = "measured";

/// Prints what a client needs, a line each, `access_key` last.
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let store = ObjectStore::start(&[BUCKET]).await?;
    let facts = [
        ("endpoint", store.endpoint.as_str()),
        ("bucket", BUCKET),
        ("secret_key", &store.secret_key),
        ("access_key", &store.access_key),
    ];
    let mut out = io::stdout().lock();
    for (name, value) in facts {
        writeln!(out, "{name}={value}")?;
    }
    out.flush()?;
    drop(out);
    Ok(tokio::signal::ctrl_c().await?)
}
