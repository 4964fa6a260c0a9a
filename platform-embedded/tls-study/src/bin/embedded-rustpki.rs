//! embedded-tls with the verifier that it brings for devices (feature `rustpki`).
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU32, Ordering};

use embedded_tls::pki::CertVerifier;
use embedded_tls::{Aes128GcmSha256, Certificate, TlsClock};
use muxfer_tls_study::ROOT;
use muxfer_tls_study::embedded::run;

/// The clock of that verifier is a type.
static TIME: AtomicU32 = AtomicU32::new(0);

struct Clock;

impl TlsClock for Clock {
    fn now() -> Option<u64> {
        Some(TIME.load(Ordering::Relaxed).into())
    }
}

#[muxfer_board::entry]
fn main() -> ! {
    let make = |time: u64| {
        TIME.store(u32::try_from(time).unwrap_or(0), Ordering::Relaxed);
        CertVerifier::<Aes128GcmSha256, Clock, 4096>::new(Certificate::X509(ROOT))
    };
    run("embedded-rustpki", make, |_| true)
}
