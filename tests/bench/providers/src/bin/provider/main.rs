//! Measures one provider of cryptography: what handshakes and records cost a client.
//!
//! Client and server are in this one thread, without any sockets. Only the client's steps are timed,
//! by the CPU time of the thread. It prints one line of names and numbers.

mod pair;

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CipherSuite, ClientConfig, HandshakeKind, RootCertStore, ServerConfig};

use pair::Pair;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Measure one provider of cryptography.
#[derive(Parser)]
struct Arguments {
    /// Which one; it must have been built in
    #[arg(long)]
    provider: String,
    /// By what keys are exchanged
    #[arg(long, default_value = "X25519")]
    group: String,
    /// A file with the certificate that is trusted
    #[arg(long)]
    roots: PathBuf,
    /// A file with the server's certificate, for 127.0.0.1
    #[arg(long)]
    certificate: PathBuf,
    /// A file with its key
    #[arg(long)]
    key: PathBuf,
    /// How many handshakes of each kind are measured
    #[arg(long)]
    handshakes: u32,
    /// How many MiB are received with each cipher
    #[arg(long)]
    mib: u32,
}

/// The ciphers whose records are measured, by the names that are printed.
const CIPHERS: [(&str, CipherSuite); 3] = [
    ("aes_128_gcm", CipherSuite::TLS13_AES_128_GCM_SHA256),
    ("aes_256_gcm", CipherSuite::TLS13_AES_256_GCM_SHA384),
    ("chacha20", CipherSuite::TLS13_CHACHA20_POLY1305_SHA256),
];

/// The cipher of the handshakes: what rustls and OpenSSL agree on by themselves.
const HANDSHAKE_CIPHER: CipherSuite = CipherSuite::TLS13_AES_256_GCM_SHA384;

fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    let full = handshakes(&arguments, HandshakeKind::Full)?;
    let resumed = handshakes(&arguments, HandshakeKind::Resumed)?;
    print!(
        "full_ns {} resumed_ns {}",
        full.as_nanos(),
        resumed.as_nanos()
    );
    for (name, cipher) in CIPHERS {
        print!(" {name}_ns {}", receive(&arguments, cipher)?.as_nanos());
    }
    println!();
    Ok(())
}

/// The client's time for one handshake, the tickets that follow it included.
fn handshakes(arguments: &Arguments, kind: HandshakeKind) -> Outcome<Duration> {
    let (mut client, server) = configs(arguments, HANDSHAKE_CIPHER)?;
    if kind == HandshakeKind::Full {
        client.resumption = Resumption::disabled();
    }
    let (client, server) = (Arc::new(client), Arc::new(server));
    // The first ones warm up; and of those that are resumed the very first one can't be.
    for _ in 0..arguments.handshakes.min(20) {
        Pair::shake_hands(&client, &server)?;
    }
    let mut spent = Duration::ZERO;
    for _ in 0..arguments.handshakes {
        let pair = Pair::shake_hands(&client, &server)?;
        if pair.kind() != Some(kind) {
            return Err(format!("a handshake was {:?} instead of {kind:?}", pair.kind()).into());
        }
        spent += pair.spent();
    }
    Ok(spent / arguments.handshakes)
}

/// The client's time for one GiB in records of 16 KiB.
fn receive(arguments: &Arguments, cipher: CipherSuite) -> Outcome<Duration> {
    let (client, server) = configs(arguments, cipher)?;
    let mut pair = Pair::shake_hands(&Arc::new(client), &Arc::new(server))?;
    pair.receive_mib()?;
    let before = pair.spent();
    for _ in 0..arguments.mib {
        pair.receive_mib()?;
    }
    Ok((pair.spent() - before) * 1024 / arguments.mib)
}

/// A client and a server that have one cipher and one way to exchange keys.
fn configs(arguments: &Arguments, cipher: CipherSuite) -> Outcome<(ClientConfig, ServerConfig)> {
    let provider = muxfer_bench_providers::provider(&arguments.provider);
    let mut provider = provider.ok_or("this provider was not built in")?;
    narrow(&mut provider, arguments, cipher)?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&arguments.roots)?)?;
    let client = muxfer_bench_providers::client(provider.clone(), roots)?;
    let certificate = CertificateDer::from_pem_file(&arguments.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&arguments.key)?;
    let server = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    Ok((client, server))
}

fn narrow(
    provider: &mut CryptoProvider,
    arguments: &Arguments,
    cipher: CipherSuite,
) -> Outcome<()> {
    provider
        .cipher_suites
        .retain(|suite| suite.suite() == cipher);
    let is_wanted = |name| format!("{name:?}") == arguments.group;
    provider.kx_groups.retain(|group| is_wanted(group.name()));
    if provider.cipher_suites.len() == 1 && provider.kx_groups.len() == 1 {
        return Ok(());
    }
    Err(format!(
        "{} has no {cipher:?} or no {}",
        arguments.provider, arguments.group
    )
    .into())
}
