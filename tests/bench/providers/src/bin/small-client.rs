//! A client that is as small as one can be: it fetches one URL, over TLS if a provider was built in.
//!
//! It is there for its size, and for the time that building it takes.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::TcpStream;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let mut words = std::env::args().skip(1);
    let (Some(host), Some(port), Some(roots)) = (words.next(), words.next(), words.next()) else {
        return Err("usage: small-client HOST PORT FILE_OF_ROOTS".into());
    };
    let stream = TcpStream::connect((host.as_str(), port.parse::<u16>()?))?;
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    fetch(secured(stream, host, &roots)?, &request)
}

fn fetch(mut stream: impl Read + Write, request: &str) -> Outcome<()> {
    stream.write_all(request.as_bytes())?;
    io::copy(&mut stream, &mut io::stdout())?;
    Ok(())
}

/// Without TLS nothing is done, but the roots are read as well.
#[cfg(not(feature = "tls"))]
fn secured(stream: TcpStream, _host: String, roots: &str) -> Outcome<TcpStream> {
    std::fs::read(roots)?;
    Ok(stream)
}

#[cfg(feature = "tls")]
fn secured(
    stream: TcpStream,
    host: String,
    roots: &str,
) -> Outcome<rustls::StreamOwned<rustls::ClientConnection, TcpStream>> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    let mut store = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(roots)? {
        store.add(certificate?)?;
    }
    let provider = muxfer_bench_providers::any().ok_or("no provider was built in")?;
    let config = muxfer_bench_providers::client(provider, store)?;
    let connection = rustls::ClientConnection::new(config.into(), host.try_into()?)?;
    Ok(rustls::StreamOwned::new(connection, stream))
}
