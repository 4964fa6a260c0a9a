//! A proxy that lets so many records of the server through, and then ends the stream.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// A proxy for one connection.
#[derive(Debug)]
pub struct Cutter {
    address: SocketAddr,
    passed: Arc<AtomicUsize>,
}

impl Cutter {
    /// Lets `records` records of the server at `to` through, and `bytes` bytes of the next.
    ///
    /// # Panics
    /// No port is free.
    #[must_use]
    pub fn start(to: SocketAddr, records: usize, bytes: usize) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let passed = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&passed);
        // Whatever breaks, the client's side of it is what is tested.
        thread::spawn(move || drop(relay(&listener, to, records, bytes, &count)));
        Self { address, passed }
    }

    /// How many records have passed.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.passed.load(Ordering::Acquire)
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

fn relay(
    listener: &TcpListener,
    to: SocketAddr,
    records: usize,
    bytes: usize,
    passed: &AtomicUsize,
) -> io::Result<()> {
    let (mut client, _) = listener.accept()?;
    client.set_nodelay(true)?;
    let mut server = TcpStream::connect(to)?;
    let (mut from, mut into) = (client.try_clone()?, server.try_clone()?);
    let up = thread::spawn(move || io::copy(&mut from, &mut into));
    for _ in 0..records {
        let Some(record) = record(&mut server)? else {
            break;
        };
        client.write_all(&record)?;
        passed.fetch_add(1, Ordering::AcqRel);
    }
    if bytes > 0
        && let Some(record) = record(&mut server)?
    {
        client.write_all(&record[..bytes.min(record.len())])?;
    }
    // The end, not a reset: what was sent is to arrive.
    client.shutdown(Shutdown::Write)?;
    let _ = up.join();
    server.shutdown(Shutdown::Both)
}

/// One record, its header included; `None` at the end of the stream.
fn record(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut record = vec![0; 5];
    match from.read_exact(&mut record) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
    record.resize(5 + length, 0);
    from.read_exact(&mut record[5..])?;
    Ok(Some(record))
}
