//! rustls over the unbuffered interface, with RustCrypto and an arena of fixed size.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use core::time::Duration;

use embedded_alloc::LlffHeap;
use embedded_io::{Read, Write};
use muxfer_firmware::Node;
use muxfer_tls_study::line::Line;
use muxfer_tls_study::{HOST, REQUEST, ROOT};
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};
use rustls::{ClientConfig, RootCertStore};

/// The arena: more than is used at any time, as `arena` in the report says.
const ARENA: usize = 64 * 1024;

/// An allocator that counts.
struct Counting(LlffHeap);

static MOST: AtomicUsize = AtomicUsize::new(0);
static NOW: AtomicUsize = AtomicUsize::new(0);
static TIME: AtomicU32 = AtomicU32::new(0);

#[global_allocator]
static HEAP: Counting = Counting(LlffHeap::empty());

// SAFETY: it hands everything on to an allocator.
unsafe impl core::alloc::GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: core::alloc::Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller's promises hold for it, too.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: core::alloc::Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises hold for it, too.
        unsafe { self.0.dealloc(at, layout) }
    }
}

/// Anybody can guess these: good enough to measure with.
fn random(bytes: &mut [u8]) -> Result<(), getrandom::Error> {
    static STATE: AtomicU32 = AtomicU32::new(7);
    for byte in bytes {
        let mut state = STATE.load(Ordering::Relaxed);
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        STATE.store(state, Ordering::Relaxed);
        *byte = state.to_le_bytes()[1];
    }
    Ok(())
}
getrandom::register_custom_getrandom!(random);

#[derive(Debug)]
struct Clock;

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = TIME.load(Ordering::Relaxed).into();
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

#[muxfer_board::entry]
fn main() -> ! {
    static mut ROOM: [MaybeUninit<u8>; ARENA] = [MaybeUninit::uninit(); ARENA];
    // SAFETY: `entry` lends the room for ever, and nothing else uses it.
    unsafe { HEAP.0.init(ROOM.as_mut_ptr().addr(), ARENA) };
    let node = Node::start();
    TIME.store(node.settings.parsed("time", 0), Ordering::Relaxed);
    let Some(mut line) = Line::connect(node) else {
        muxfer_board::exit(2)
    };
    let start = line.node.now_us();
    let bytes = fetch(&mut line).unwrap_or_else(|error| {
        defmt::error!("{}", defmt::Debug2Format(&error));
        0
    });
    let handshake = line.sent_us.saturating_sub(start);
    muxfer_tls_study::report::say("arena", &[MOST.load(Ordering::Relaxed) as u64]);
    line.end("rustls-arena", handshake, bytes)
}

fn config() -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(ROOT))?;
    let mut provider = rustls_rustcrypto::provider();
    // The same as the others have: one suite, one group.
    provider.cipher_suites.retain(|suite| suite.suite() == rustls::CipherSuite::TLS13_AES_128_GCM_SHA256);
    provider.kx_groups.retain(|group| group.name() == rustls::NamedGroup::secp256r1);
    let config = ClientConfig::builder_with_details(Arc::new(provider), Arc::new(Clock))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn fetch(line: &mut Line) -> Result<usize, rustls::Error> {
    let name = ServerName::try_from(HOST).map_err(|_| rustls::Error::General("name".into()))?;
    let mut tls = UnbufferedClientConnection::new(config()?, name)?;
    let mut incoming = vec![0; 17 * 1024];
    let mut have = 0;
    let mut outgoing: Vec<u8> = Vec::new();
    let (mut asked, mut bytes) = (false, 0);
    loop {
        let UnbufferedStatus { discard, state, .. } = tls.process_tls_records(&mut incoming[..have]);
        let mut gone = discard;
        let mut more = false;
        let mut over = false;
        match state? {
            ConnectionState::ReadTraffic(mut traffic) => {
                while let Some(record) = traffic.next_record() {
                    let record = record?;
                    gone += record.discard;
                    bytes += record.payload.len();
                }
            }
            ConnectionState::EncodeTlsData(mut data) => {
                let at = outgoing.len();
                outgoing.resize(at + 1024, 0);
                let n = data.encode(&mut outgoing[at..]).unwrap_or(0);
                outgoing.truncate(at + n);
            }
            ConnectionState::TransmitTlsData(data) => {
                let _ = line.write_all(&outgoing);
                outgoing.clear();
                data.done();
            }
            ConnectionState::WriteTraffic(mut traffic) if !asked => {
                asked = true;
                outgoing.resize(256, 0);
                let n = traffic.encrypt(REQUEST, &mut outgoing).unwrap_or(0);
                let _ = line.write_all(&outgoing[..n]);
                outgoing.clear();
            }
            ConnectionState::BlockedHandshake | ConnectionState::WriteTraffic(_) => more = true,
            _ => over = true,
        }
        incoming.copy_within(gone..have, 0);
        have -= gone;
        if over {
            return Ok(bytes);
        }
        if more {
            match line.read(&mut incoming[have..]) {
                Ok(n @ 1..) => have += n,
                _ => return Ok(bytes),
            }
        }
    }
}
