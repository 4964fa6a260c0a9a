//! A small server of names, on port 53: firmware can't ask at another.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};

/// How long an address may be used, in seconds.
const KEEP_S: u32 = 60;

/// The header of a message, and what stands behind the name of a question: type and class.
const HEADER: usize = 12;
const BEHIND_NAME: usize = 4;

/// A server that runs. Dropping it ends it.
pub struct Dns {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    answered: AtomicU32,
    refused: AtomicU32,
}

impl Dns {
    /// Starts it. Each of `names` has the address `address`; all others do not exist.
    ///
    /// # Errors
    /// What the system says: port 53 is not free, or not allowed.
    pub fn start(names: &'static [&'static str], address: Ipv4Addr) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53))?;
        let bound = socket.local_addr()?;
        let shared = Arc::new(Shared::default());
        let served = Arc::clone(&shared);
        let thread = thread::spawn(move || serve(&socket, names, address, &served));
        Ok(Self {
            address: bound,
            shared,
            thread: Some(thread),
        })
    }

    /// How many questions it has answered with an address.
    #[must_use]
    pub fn answered(&self) -> u32 {
        self.shared.answered.load(Ordering::Acquire)
    }

    /// How many names it did not know.
    #[must_use]
    pub fn refused(&self) -> u32 {
        self.shared.refused.load(Ordering::Acquire)
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        // The thread waits for a question: this wakes it.
        if let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) {
            let _ = socket.send_to(&[], self.address);
        }
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed, and the test misses its answers.
            let _ = thread.join();
        }
    }
}

fn serve(socket: &UdpSocket, names: &[&str], address: Ipv4Addr, shared: &Shared) {
    let mut room = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut room) {
        if shared.stop.load(Ordering::Acquire) {
            return;
        }
        let Some((answer, found)) = answer(&room[..length], names, address) else {
            continue;
        };
        let count = if found {
            &shared.answered
        } else {
            &shared.refused
        };
        count.fetch_add(1, Ordering::AcqRel);
        // An answer that is lost is asked for again.
        let _ = socket.send_to(&answer, from);
    }
}

/// The answer to a question (RFC 1035 §4), and whether it has an address; `None` if it can't be read.
fn answer(question: &[u8], names: &[&str], address: Ipv4Addr) -> Option<(Vec<u8>, bool)> {
    let (name, end) = name_at(question, HEADER)?;
    let asked = question.get(HEADER..end + BEHIND_NAME)?;
    // Type A, class IN.
    let known = names.contains(&name.as_str()) && asked.ends_with(&[0, 1, 0, 1]);
    let mut answer = question.get(..2)?.to_vec();
    // A response to a recursive question; the name does not exist (3), or one answer follows.
    let code = if known { 0x80 } else { 0x83 };
    answer.extend([0x81, code, 0, 1, 0, u8::from(known), 0, 0, 0, 0]);
    answer.extend(asked);
    if known {
        answer.extend([0xC0, 0x0C, 0, 1, 0, 1]);
        answer.extend(KEEP_S.to_be_bytes());
        answer.extend([0, 4]);
        answer.extend(address.octets());
    }
    Some((answer, known))
}

/// The name that begins there, and where it ends.
fn name_at(message: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        let label = message.get(at..at + length)?;
        labels.push(String::from_utf8(label.to_ascii_lowercase()).ok()?);
        at += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_name_has_an_address_and_others_have_none() {
        let question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x04test\0\0\x01\0\x01";
        let address = Ipv4Addr::new(10, 0, 2, 2);
        let (found, known) = answer(question, &["a.test"], address).unwrap_or_default();
        assert!(known && found.starts_with(b"\x12\x34\x81\x80") && found.ends_with(&[10, 0, 2, 2]));
        let (found, known) = answer(question, &["b.test"], address).unwrap_or_default();
        assert!(!known && found.starts_with(b"\x12\x34\x81\x83"));
        assert_eq!(answer(&question[..15], &["a.test"], address), None);
    }
}
