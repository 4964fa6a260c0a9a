//! reqwest with its pool, over TLS where it was built with it, in tokio's runtime of a single thread.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Parser;
use muxfer_bench::job::{Job, Only};
use muxfer_bench::report::{Meter, resident_kib};
use reqwest::{Client, ClientBuilder, Url};
use tokio::task::JoinSet;

type Fault = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Fault> {
    let job = Only::parse().job;
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime
        .enable_io()
        .enable_time()
        .build()?
        .block_on(run(job))
}

async fn run(job: Job) -> Result<(), Fault> {
    if job.queued {
        return Err("reqwest has no queue".into());
    }
    let client = secured(&job, Client::builder().no_proxy())?.build()?;
    let received = Arc::new(AtomicU64::new(0));
    let url: Url = job.stall_url().parse()?;
    for _ in 0..job.stalled {
        tokio::spawn(stall(client.clone(), url.clone(), Arc::clone(&received)));
    }
    while received.load(Ordering::Relaxed) < job.stalled_bytes() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let stalled_kib = resident_kib()?;
    for requests in job.warm_ups() {
        fetch(&client, &job, &job.warm_url(), job.warm_length, requests).await?;
    }
    let meter = Meter::start(stalled_kib);
    fetch(&client, &job, &job.url(), job.length, job.requests).await?;
    println!("{}", meter.stop(job.requests)?);
    Ok(())
}

/// With the rustls and the provider that reqwest has by default, but with one CA that is trusted.
#[cfg(feature = "tls")]
fn secured(job: &Job, builder: ClientBuilder) -> Result<ClientBuilder, Fault> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    let Some(ca) = &job.ca else {
        return Ok(builder);
    };
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca)?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    if !job.resume {
        config.resumption = rustls::client::Resumption::disabled();
    }
    Ok(builder.tls_backend_preconfigured(config))
}

#[cfg(not(feature = "tls"))]
fn secured(job: &Job, builder: ClientBuilder) -> Result<ClientBuilder, Fault> {
    if job.ca.is_some() {
        return Err("this client was built without TLS".into());
    }
    Ok(builder)
}

/// So many requests, as many at once as there are connections.
async fn fetch(
    client: &Client,
    job: &Job,
    url: &str,
    length: u64,
    requests: u64,
) -> Result<(), Fault> {
    let url: Url = url.parse()?;
    let left = Arc::new(AtomicU64::new(requests));
    let mut tasks = JoinSet::new();
    for _ in 0..job.connections {
        tasks.spawn(work(client.clone(), url.clone(), length, Arc::clone(&left)));
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

async fn work(client: Client, url: Url, length: u64, left: Arc<AtomicU64>) -> Result<(), Fault> {
    let less = |left: u64| left.checked_sub(1);
    while left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
        .is_ok()
    {
        let mut response = client.get(url.clone()).send().await?;
        let mut received = 0;
        while let Some(bytes) = response.chunk().await? {
            received += bytes.len() as u64;
        }
        if received != length {
            return Err(format!("{received} bytes instead of {length}").into());
        }
    }
    Ok(())
}

/// A transfer that never ends; whoever waits for it would wait for ever if it did.
async fn stall(client: Client, url: Url, received: Arc<AtomicU64>) {
    let outcome = receive_part(&client, url, &received).await;
    eprintln!("a stalled transfer ended: {outcome:?}");
    std::process::exit(1);
}

async fn receive_part(client: &Client, url: Url, received: &AtomicU64) -> Result<(), Fault> {
    let mut response = client.get(url).send().await?;
    while let Some(bytes) = response.chunk().await? {
        received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    }
    Ok(())
}
