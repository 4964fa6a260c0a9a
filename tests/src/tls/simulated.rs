//! A secured peer for the simulator.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::Arc;

use muxfer_core::ConnId;
use rustls::{ServerConfig, ServerConnection};

use super::server::{Answer, Ending};
use crate::sim::{Act, Inbound, Peer};

/// One connection of it.
struct Secured {
    tls: ServerConnection,
    head: Vec<u8>,
}

/// Answers each request by its path. It sends in pieces of at most so many bytes, whatever records
/// they are of.
///
/// # Panics
/// The peer panics where the client does not speak TLS.
#[must_use]
pub fn peer(
    config: Arc<ServerConfig>,
    piece: usize,
    answer: impl Fn(&str) -> Answer + 'static,
) -> Peer {
    let mut connections: HashMap<ConnId, Secured> = HashMap::new();
    Box::new(move |inbound: Inbound<'_>| {
        let secured = connections.entry(inbound.conn).or_insert_with(|| {
            let mut tls = ServerConnection::new(Arc::clone(&config)).expect("a configuration");
            tls.set_buffer_limit(None);
            let head = Vec::new();
            Secured { tls, head }
        });
        let bytes = std::mem::take(inbound.bytes);
        let mut acts = Vec::new();
        if secured.read(&bytes) {
            while let Some(path) = secured.request() {
                let Answer { bytes, ending } = answer(&path);
                secured.tls.writer().write_all(&bytes).expect("no limit");
                if matches!(ending, Ending::Notified | Ending::NotifiedOnly) {
                    secured.tls.send_close_notify();
                }
                acts.extend(secured.send(piece));
                if matches!(ending, Ending::Notified | Ending::Cut) {
                    acts.push(Act::Close);
                }
            }
            acts.extend(secured.send(piece));
        } else {
            acts.extend(secured.send(piece));
            acts.push(Act::Hangup);
        }
        acts
    })
}

impl Secured {
    /// Is it still TLS?
    fn read(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            if !matches!(self.tls.read_tls(&mut bytes), Ok(n) if n > 0) {
                return true;
            }
            if self.tls.process_new_packets().is_err() {
                return false;
            }
            // It ends with `WouldBlock`; what came before is in `head`.
            let _ = self.tls.reader().read_to_end(&mut self.head);
        }
        true
    }

    /// The path of the next request, if it is complete.
    fn request(&mut self) -> Option<String> {
        let end = self.head.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
        let head: Vec<u8> = self.head.drain(..end).collect();
        let head = String::from_utf8_lossy(&head).into_owned();
        Some(head.split(' ').nth(1).unwrap_or("").to_owned())
    }

    fn send(&mut self, piece: usize) -> Vec<Act> {
        let mut bytes = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut bytes).expect("memory");
        }
        let pieces = bytes.chunks(piece.max(1));
        pieces.map(|piece| Act::Send(piece.to_vec())).collect()
    }
}
