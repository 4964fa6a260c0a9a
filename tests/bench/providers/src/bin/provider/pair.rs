//! A client and a server that talk without sockets; only what the client does is timed.

use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};
use rustls::{ClientConfig, HandshakeKind, ServerConfig, ServerConnection};
use std::io::Write;

use crate::Outcome;

/// The most plain text that a record holds.
const RECORD: usize = 16 * 1024;
const RECORDS_IN_A_MIB: usize = 1024 * 1024 / RECORD;

/// The two ends of one connection.
pub(crate) struct Pair {
    client: UnbufferedClientConnection,
    server: ServerConnection,
    /// What the server has sent and the client has not yet read.
    to_client: Vec<u8>,
    /// What the client has sent and the server has not yet read.
    to_server: Vec<u8>,
    /// Where the client writes.
    room: Vec<u8>,
    /// Plain text that the client has received.
    received: usize,
    /// CPU time of the client.
    spent: Duration,
}

impl Pair {
    /// Connects them, and goes on until neither has anything more to say: the tickets come last.
    pub(crate) fn shake_hands(
        client: &Arc<ClientConfig>,
        server: &Arc<ServerConfig>,
    ) -> Outcome<Self> {
        let name = ServerName::try_from("127.0.0.1")?;
        let server = ServerConnection::new(Arc::clone(server))?;
        let (room, mut to_client, to_server) = (vec![0; RECORD], Vec::new(), Vec::new());
        to_client.reserve(RECORD);
        let start = thread_time();
        let client = UnbufferedClientConnection::new(Arc::clone(client), name)?;
        let mut pair = Self {
            client,
            server,
            to_client,
            to_server,
            room,
            received: 0,
            spent: thread_time() - start,
        };
        pair.server.set_buffer_limit(None);
        loop {
            pair.step_client()?;
            pair.step_server()?;
            if pair.to_client.is_empty() {
                return Ok(pair);
            }
        }
    }

    /// What the handshake turned out to be.
    pub(crate) fn kind(&self) -> Option<HandshakeKind> {
        self.client.handshake_kind()
    }

    /// CPU time of the client so far.
    pub(crate) const fn spent(&self) -> Duration {
        self.spent
    }

    /// The server sends a MiB, and the client receives it.
    pub(crate) fn receive_mib(&mut self) -> Outcome<()> {
        let plain = [0x5A; RECORD];
        for _ in 0..RECORDS_IN_A_MIB {
            self.server.writer().write_all(&plain)?;
        }
        self.step_server()?;
        let wanted = self.received + RECORDS_IN_A_MIB * RECORD;
        self.step_client()?;
        if self.received == wanted {
            return Ok(());
        }
        Err(format!("{} bytes instead of {wanted}", self.received).into())
    }

    /// The client reads all that has come, and answers.
    fn step_client(&mut self) -> Outcome<()> {
        let start = thread_time();
        let mut used = 0;
        loop {
            let incoming = &mut self.to_client[used..];
            let UnbufferedStatus { discard, state, .. } = self.client.process_tls_records(incoming);
            let goes_on = match state? {
                ConnectionState::EncodeTlsData(mut data) => {
                    let count = data.encode(&mut self.room)?;
                    self.to_server.extend_from_slice(&self.room[..count]);
                    true
                }
                ConnectionState::TransmitTlsData(data) => {
                    data.done();
                    true
                }
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        self.received += record.payload.len();
                        used += record.discard;
                    }
                    true
                }
                ConnectionState::BlockedHandshake | ConnectionState::WriteTraffic(_) => false,
                ConnectionState::PeerClosed
                | ConnectionState::Closed
                | ConnectionState::ReadEarlyData(_)
                | _ => return Err("the client is in no state to go on".into()),
            };
            used += discard;
            if !goes_on {
                break;
            }
        }
        self.to_client.drain(..used);
        self.spent += thread_time() - start;
        Ok(())
    }

    /// The server reads all that has come, and answers; nobody looks at the clock.
    fn step_server(&mut self) -> Outcome<()> {
        let mut incoming = self.to_server.as_slice();
        while !incoming.is_empty() {
            self.server.read_tls(&mut incoming)?;
            self.server.process_new_packets()?;
        }
        self.to_server.clear();
        while self.server.wants_write() {
            self.server.write_tls(&mut self.to_client)?;
        }
        Ok(())
    }
}

/// The CPU time of this thread: what else runs on the machine is not in it.
fn thread_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}
