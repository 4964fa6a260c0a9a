//! Which faults the TLS clients of the study refuse, as tables in Markdown.

mod embedded;
#[path = "../../src/verifier.rs"]
mod verifier;

use std::panic::{AssertUnwindSafe, catch_unwind};

use embedded::{Clock, Own, Pipe, fetch};
use embedded_tls::pki::CertVerifier;
use embedded_tls::{Aes128GcmSha256, Certificate, NoVerify, TlsError};
use muxfer_embedded::tls::{CertificateDer, Settings, anchor_from_trusted_cert};
use muxfer_tests::device_tls::cases::{BAD, Case, GOOD};
use muxfer_tests::device_tls::client::{Client, reason};
use muxfer_tests::device_tls::forger::{ALERT, APPLICATION, Forger, HANDSHAKE, message, record};
use muxfer_tests::device_tls::pki::{Credentials, Plan, dns};
use muxfer_tests::device_tls::server::{Server, config};
use rustls::version::TLS13;
use sha2::{Digest, Sha256};

fn main() {
    // A panic is an entry of the table.
    std::panic::set_hook(Box::new(|_| {}));
    faults();
    println!();
    rules();
}

/// What became of it, in a word.
fn verdict(result: impl FnOnce() -> Result<usize, TlsError>) -> &'static str {
    match catch_unwind(AssertUnwindSafe(result)) {
        Ok(Ok(_)) => "accepts",
        Ok(Err(_)) => "refuses",
        Err(_) => "panics",
    }
}

fn faults() {
    println!("| certificate | no verification | its own verifier | our check, webpki | a pin | muxfer |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for case in GOOD.iter().chain(BAD) {
        let credentials = (case.make)();
        let none = verdict(|| fetch(served(&credentials), case.host, NoVerify, |_| true));
        let rustpki = verdict(|| {
            let verifier = CertVerifier::<Aes128GcmSha256, Clock, 8192>::new(Certificate::X509(
                &credentials.root,
            ));
            fetch(served(&credentials), case.host, verifier, |_| true)
        });
        let webpki = verdict(|| {
            let root = CertificateDer::from(credentials.root.as_slice());
            let roots = [anchor_from_trusted_cert(&root).expect("a root")];
            let verifier = Own::new(case.host, verifier::Settings::roots(&roots));
            fetch(served(&credentials), case.host, verifier, |own| own.verified())
        });
        // The server's own key: what a pin says nothing about is accepted.
        let pins = [pin(&credentials)];
        let pinned = verdict(|| {
            let verifier = Own::new(case.host, verifier::Settings::pins(&pins));
            fetch(served(&credentials), case.host, verifier, |own| own.verified())
        });
        let ours = with_roots(&credentials, |settings| muxfer(case, &credentials, settings));
        let kind = if case.refused.is_some() { "" } else { "sound: " };
        println!("| {kind}{} | {none} | {rustpki} | {webpki} | {pinned} | {ours} |", case.name);
    }
}

fn with_roots<R>(credentials: &Credentials, call: impl FnOnce(Settings<'_>) -> R) -> R {
    let root = CertificateDer::from(credentials.root.as_slice());
    let roots = [anchor_from_trusted_cert(&root).expect("a root")];
    call(Settings::roots(&roots))
}

/// The pin of the key of this certificate, if it is one.
fn pin(credentials: &Credentials) -> [u8; 32] {
    let key = verifier::find_key(&credentials.chain[0]).unwrap_or_default();
    Sha256::digest(key).into()
}

fn served(credentials: &Credentials) -> Pipe<'static> {
    Pipe::new(Server::new(config(credentials, &[&TLS13])))
}

fn muxfer(case: &Case, credentials: &Credentials, settings: Settings<'_>) -> &'static str {
    let mut server = Server::new(config(credentials, &[&TLS13]));
    let settings = [settings];
    let mut client: Client<'_> = Client::new(&settings, case.host);
    let result = client.handshake(|wire| {
        let sent = std::mem::take(&mut wire.to_server);
        wire.to_client.extend(server.turn(&sent));
    });
    if reason(result).is_some() { "refuses" } else { "accepts" }
}

/// One way to break the rules: what the server says behind its `ServerHello`.
type Script = fn(&mut Forger, &Credentials);

/// What the server does, and what it is.
const SCRIPTS: &[(&str, Script)] = &[
    ("sends neither certificate nor signature", |forger, _| {
        forger.extensions();
        forger.finished();
        forger.sealed(APPLICATION, b"data");
        forger.sealed(ALERT, &[1, 0]);
    }),
    ("sends a certificate and no signature", |forger, credentials| {
        forger.extensions();
        forger.certificate(credentials);
        forger.finished();
        forger.sealed(APPLICATION, b"data");
        forger.sealed(ALERT, &[1, 0]);
    }),
    ("signs before it shows a certificate", |forger, credentials| {
        forger.extensions();
        forger.verify(credentials);
        forger.certificate(credentials);
        forger.finished();
    }),
    ("sends its certificate without sealing it", |forger, credentials| {
        forger.extensions();
        let body = muxfer_tests::device_tls::forger::certificates(&credentials.chain);
        let shown = message(11, &body);
        forger.note(&shown);
        forger.out.extend(record(HANDSHAKE, &shown));
        forger.verify(credentials);
        forger.finished();
        forger.sealed(APPLICATION, b"data");
        forger.sealed(ALERT, &[1, 0]);
    }),
    ("somebody puts an end in, not sealed", |forger, credentials| {
        forger.shake(credentials);
        forger.sealed(APPLICATION, b"data");
        forger.out.extend(record(ALERT, &[1, 0]));
    }),
    ("somebody puts a handshake message in, not sealed", |forger, credentials| {
        forger.shake(credentials);
        forger.out.extend(record(HANDSHAKE, &message(8, &[0, 0])));
    }),
    ("sends an empty record in the handshake", |forger, _| {
        forger.extensions();
        forger.raw(&[]);
    }),
    ("sends a certificate after the handshake", |forger, credentials| {
        forger.shake(credentials);
        forger.certificate(credentials);
    }),
    ("is sound, and cuts its messages", |forger, credentials| {
        forger.extensions();
        let body = muxfer_tests::device_tls::forger::certificates(&credentials.chain);
        let shown = message(11, &body);
        forger.note(&shown);
        for piece in shown.chunks(100) {
            forger.sealed(HANDSHAKE, piece);
        }
        forger.verify(credentials);
        forger.finished();
        forger.sealed(APPLICATION, b"data");
        forger.sealed(ALERT, &[1, 0]);
    }),
    ("is sound, and changes its keys", |forger, credentials| {
        forger.shake(credentials);
        forger.sealed(HANDSHAKE, &message(24, &[0]));
        forger.update_write();
        forger.sealed(APPLICATION, b"data");
        forger.sealed(ALERT, &[1, 0]);
    }),
];

fn rules() {
    const HOST: &str = "www.example.test";
    let credentials = Plan::new(vec![dns(HOST)]).sign();
    println!("| the server | embedded-tls with its own verifier | muxfer |");
    println!("| --- | --- | --- |");
    for (what, script) in SCRIPTS {
        let theirs = verdict(|| {
            let verifier = CertVerifier::<Aes128GcmSha256, Clock, 8192>::new(Certificate::X509(
                &credentials.root,
            ));
            let script = |forger: &mut Forger| script(forger, &credentials);
            fetch(Pipe::forged(script), HOST, verifier, |_| true)
        });
        let ours = with_roots(&credentials, |settings| {
            verdict(|| forged(*script, &credentials, settings).ok_or(TlsError::IoError))
        });
        println!("| {what} | {theirs} | {ours} |");
    }
}

/// How much the client of this project takes of what this server says; `None` if it ends with an
/// error.
fn forged(script: Script, credentials: &Credentials, settings: Settings<'_>) -> Option<usize> {
    let settings = [settings];
    let mut client: Client<'_> = Client::new(&settings, "www.example.test");
    assert!(client.handshake(|_| {}).is_none());
    let mut forger = Forger::new(&std::mem::take(&mut client.wire.to_server));
    script(&mut forger, credentials);
    client.wire.to_client.extend(forger.out);
    client.wire.ended = true;
    client.handshake(|_| {})?.ok()?;
    let mut all = 0;
    loop {
        match client.receive(100, |_| {})?.ok()?.len() {
            0 => return Some(all),
            n => all += n,
        }
    }
}
