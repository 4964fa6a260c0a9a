//! TLS: what the server needs for it, and what is measured over it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use muxfer_tests::files::Folder;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::Outcome;
use crate::client::Client;
use crate::plan::{KEPT, Target, Tls, Workload};
use crate::server;

/// Answers only if the session is a new one; then the server closes the connection.
const FULL: &str = "/full";
/// Answers only if the session was resumed; then the server closes the connection.
const RESUMED: &str = "/resumed";

/// In the order of the tables.
///
/// Eight handshakes at once: rustls keeps no more tickets of a server, and takes each only once.
pub(crate) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "tls-kept-100",
        title: "1 KiB over 100 kept connections",
        connections: 100,
        requests: 50_000,
        quick: 10_000,
        tls: Some(Tls::Full),
        targets: &[
            Target {
                most: 0.45,
                than: Client::Curl,
            },
            Target {
                most: 1.0,
                than: Client::Reqwest,
            },
        ],
        ..KEPT
    },
    Workload {
        name: "tls-full-8",
        title: "1 KiB over a new connection each with a full handshake, 8 at once",
        path: FULL,
        connections: 8,
        requests: 4_000,
        quick: 1_000,
        fresh: true,
        tls: Some(Tls::Full),
        targets: AT_MOST_CURL,
        ..KEPT
    },
    Workload {
        name: "tls-resumed-8",
        title: "1 KiB over a new connection each with a resumed session, 8 at once",
        path: RESUMED,
        connections: 8,
        requests: 4_000,
        quick: 1_000,
        fresh: true,
        tls: Some(Tls::Resumed),
        targets: AT_MOST_CURL,
        ..KEPT
    },
    Workload {
        name: "tls-bulk-1",
        title: "1 GiB over one connection",
        path: server::BULK,
        length: server::BULK_BYTES,
        connections: 1,
        requests: 1,
        quick: 1,
        tls: Some(Tls::Full),
        targets: AT_MOST_CURL,
        ..KEPT
    },
];

const AT_MOST_CURL: &[Target] = &[Target {
    most: 1.0,
    than: Client::Curl,
}];

/// Certificates in files, and a port that nginx is to listen at besides its own.
pub(crate) struct Secure {
    files: Folder,
    address: SocketAddr,
}

impl Secure {
    /// New certificates, and a port that was free a moment ago.
    pub(crate) fn new() -> Outcome<Self> {
        let files = Folder::new("certificates")?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let secure = Self { files, address };
        secure.certify()?;
        Ok(secure)
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate that is to be trusted.
    pub(crate) fn ca(&self) -> PathBuf {
        self.files.path().join("ca.pem")
    }

    /// The server's, for 127.0.0.1.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.files.path().join("server.pem")
    }

    /// The key of the server's.
    pub(crate) fn key(&self) -> PathBuf {
        self.files.path().join("server.key")
    }

    /// Keys are of ECDSA on P-256, as rcgen makes them if not told otherwise.
    fn certify(&self) -> Outcome<()> {
        let mut ca = CertificateParams::new(Vec::new())?;
        // With the name that rcgen gives to both, the server's would look like its own issuer.
        ca.distinguished_name
            .push(DnType::CommonName, "muxfer bench");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let server = CertificateParams::new([Ipv4Addr::LOCALHOST.to_string()])?;
        let server = server.signed_by(&key, &ca)?;
        fs::write(self.ca(), ca.pem())?;
        fs::write(self.certificate(), server.pem())?;
        Ok(fs::write(self.key(), key.serialize_pem())?)
    }

    /// For the server of nginx. All clients get the same cipher and way to exchange keys. A
    /// handshake that is not of the wanted kind gets no body, which every client takes for an error.
    pub(crate) fn configuration(&self) -> String {
        let (certificate, key) = (self.certificate(), self.key());
        let (address, body) = (self.address, server::small_body());
        format!(
            "listen {address} ssl backlog=4096;\n\
             ssl_certificate {};\n\
             ssl_certificate_key {};\n\
             ssl_protocols TLSv1.3;\n\
             ssl_ecdh_curve X25519;\n\
             ssl_conf_command Ciphersuites TLS_AES_256_GCM_SHA384;\n\
             ssl_session_tickets on;\n\
             location = {FULL} {{\n\
               keepalive_timeout 0;\n\
               if ($ssl_session_reused = r) {{ return 409; }}\n\
               return 200 \"{body}\";\n\
             }}\n\
             location = {RESUMED} {{\n\
               keepalive_timeout 0;\n\
               if ($ssl_session_reused != r) {{ return 409; }}\n\
               return 200 \"{body}\";\n\
             }}\n",
            certificate.display(),
            key.display(),
        )
    }
}
