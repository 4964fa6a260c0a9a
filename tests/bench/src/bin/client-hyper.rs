//! hyper without its pool: one task for each connection and one that asks, as hyper's guide shows
//! it, in tokio's runtime of a single thread.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use clap::Parser;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use muxfer_bench::job::{Job, Only};
use muxfer_bench::report::{Meter, resident_kib};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

type Fault = Box<dyn Error + Send + Sync>;
type Sender = SendRequest<Empty<Bytes>>;

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
        return Err("hyper has no queue".into());
    }
    let received = Arc::new(AtomicU64::new(0));
    for _ in 0..job.stalled {
        let (job, received) = (job.clone(), Arc::clone(&received));
        tokio::spawn(stall(job, received));
    }
    while received.load(Ordering::Relaxed) < job.stalled_bytes() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let stalled_kib = resident_kib()?;
    let mut senders: Vec<Option<Sender>> = Vec::new();
    senders.resize_with(job.connections, || None);
    for requests in job.warm_ups() {
        let plan = Plan::new(&job, &job.warm_path, job.warm_length, requests);
        senders = fetch(plan, senders).await?;
    }
    let plan = Plan::new(&job, &job.path, job.length, job.requests);
    let meter = Meter::start(stalled_kib);
    fetch(plan, senders).await?;
    println!("{}", meter.stop(job.requests)?);
    Ok(())
}

/// What the tasks of one step share.
struct Plan {
    address: SocketAddr,
    host: String,
    path: String,
    length: u64,
    fresh: bool,
    /// Requests that nobody has taken yet.
    left: AtomicU64,
}

impl Plan {
    fn new(job: &Job, path: &str, length: u64, requests: u64) -> Arc<Self> {
        Arc::new(Self {
            address: job.address,
            host: job.address.to_string(),
            path: path.to_owned(),
            length,
            fresh: job.fresh,
            left: AtomicU64::new(requests),
        })
    }

    /// Takes one of the requests that are left.
    fn take(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        taken.is_ok()
    }
}

/// All requests of a plan, one at a time on each connection.
async fn fetch(
    plan: Arc<Plan>,
    senders: Vec<Option<Sender>>,
) -> Result<Vec<Option<Sender>>, Fault> {
    let mut tasks = JoinSet::new();
    for sender in senders {
        tasks.spawn(work(Arc::clone(&plan), sender));
    }
    let mut senders = Vec::with_capacity(tasks.len());
    while let Some(done) = tasks.join_next().await {
        senders.push(done??);
    }
    Ok(senders)
}

async fn work(plan: Arc<Plan>, mut sender: Option<Sender>) -> Result<Option<Sender>, Fault> {
    while plan.take() {
        let open = match sender.take() {
            Some(mut open) => {
                open.ready().await?;
                open
            }
            None => connect(plan.address).await?,
        };
        let (open, received) = exchange(open, &plan.host, &plan.path).await?;
        if received != plan.length {
            return Err(format!("{received} bytes instead of {}", plan.length).into());
        }
        sender = (!plan.fresh).then_some(open);
    }
    Ok(sender)
}

async fn connect(address: SocketAddr) -> Result<Sender, Fault> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn exchange(mut sender: Sender, host: &str, path: &str) -> Result<(Sender, u64), Fault> {
    let request = Request::get(path).header(HOST, host).body(Empty::new())?;
    let mut body = sender.send_request(request).await?.into_body();
    let mut received = 0;
    while let Some(frame) = body.frame().await {
        received += frame?.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok((sender, received))
}

/// A transfer that never ends; whoever waits for it would wait for ever if it did.
async fn stall(job: Job, received: Arc<AtomicU64>) {
    let outcome = receive_part(&job, &received).await;
    eprintln!("a stalled transfer ended: {outcome:?}");
    std::process::exit(1);
}

async fn receive_part(job: &Job, received: &AtomicU64) -> Result<(), Fault> {
    let mut sender = connect(job.stall_address).await?;
    let host = job.stall_address.to_string();
    let request = Request::get("/").header(HOST, host).body(Empty::new())?;
    let mut body = sender.send_request(request).await?.into_body();
    while let Some(frame) = body.frame().await {
        let count = frame?.data_ref().map_or(0, |data| data.len() as u64);
        received.fetch_add(count, Ordering::Relaxed);
    }
    Ok(())
}
