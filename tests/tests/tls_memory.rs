//! What an idle secured connection takes. There is one test only, as the allocator of a program is
//! one for all of them.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use muxfer_linux::{Choice, RootSource, TlsConfig, TlsSettings};
use muxfer_tests::tls::{Client, Server, Shape};

const HOST: &str = "a.test";

/// What an idle connection may take, in bytes: measured, and a tenth more.
const MOST: [(u16, usize); 2] = [(12, 4070), (13, 4440)];

thread_local! {
    /// Bytes that this thread holds. Those of the servers' threads are not the client's.
    static HELD: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn note(bytes: usize, sign: isize) {
    let bytes = isize::try_from(bytes).unwrap_or(isize::MAX);
    // When the thread ends its variables may be gone before its memory.
    let _ = HELD.try_with(|held| held.set(held.get() + sign * bytes));
}

// SAFETY: every call goes to the system's allocator unchanged; the count is of no matter to it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 1);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        note(layout.size(), -1);
        note(bytes, 1);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(block, layout, bytes) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(layout.size(), -1);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Bytes for each of so many idle connections more, beyond so many.
fn of_one(only: u16) -> usize {
    const FEW: usize = 16;
    const MANY: usize = 32;
    let shape = Shape {
        only: Some(only),
        ..Shape::default()
    };
    let (server, root) = Server::good(HOST, &shape);
    let settings = TlsSettings {
        roots: vec![RootSource::Pem(root.pem().into_bytes())],
        ..TlsSettings::default()
    };
    Client::run(Choice::Epoll, &TlsConfig::new(settings), |client| {
        client.pin(HOST, server.address());
        let url = format!("https://{HOST}:{}/", server.address().port());
        let mut held = |connections: usize| {
            let requests = vec![(url.as_str(), 0); connections];
            // Twice: once more with all connections there are.
            for _ in 0..2 {
                for got in client.fetch_all(&requests) {
                    assert_eq!(got.result, Ok(()));
                }
            }
            assert_eq!(server.connections(), connections, "each has its own");
            assert_eq!(
                client.spilled_bytes(),
                0,
                "an idle connection keeps no block"
            );
            HELD.get()
        };
        let (few, many) = (held(FEW), held(MANY));
        usize::try_from(many - few).expect("more") / (MANY - FEW)
    })
}

#[test]
fn an_idle_connection_owns_no_buffer() {
    for (version, most) in MOST {
        let bytes = of_one(version);
        println!("an idle connection of TLS {version} takes {bytes} bytes");
        assert!(bytes <= most, "TLS {version}: {bytes} bytes");
    }
}
