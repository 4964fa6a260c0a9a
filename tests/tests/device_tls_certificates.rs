//! TLS for devices: each fault that a certificate can have is refused, by its name, and sound
//! certificates are accepted. The servers are rustls, in memory.

use muxfer_core::net::TlsError;
use muxfer_embedded::tls::{CertificateDer, Settings, anchor_from_trusted_cert};
use muxfer_tests::device_tls::cases::{BAD, Case, GOOD};
use muxfer_tests::device_tls::client::{Client, reason};
use muxfer_tests::device_tls::pki::Credentials;
use muxfer_tests::device_tls::server::{Server, config};
use rustls::version::TLS13;

/// What becomes of a handshake with this server, and what the server thinks of it.
fn shake(credentials: &Credentials, settings: &[Settings<'_>], host: &str) -> Option<TlsError> {
    let mut server = Server::new(config(credentials, &[&TLS13]));
    let mut client: Client<'_> = Client::new(settings, host);
    let result = client.handshake(|wire| {
        let sent = std::mem::take(&mut wire.to_server);
        wire.to_client.extend(server.turn(&sent));
    });
    let refused = reason(result);
    let _ = server.turn(&client.wire.to_server);
    assert_eq!(
        server.error.is_some() && !server.tls.is_handshaking(),
        false,
        "the server has finished before it was refused"
    );
    if refused.is_none() {
        assert!(!server.tls.is_handshaking(), "{:?}", server.error);
    }
    client.close();
    refused
}

fn with_root(case: &Case) -> Option<TlsError> {
    let credentials = (case.make)();
    let root = CertificateDer::from(credentials.root.as_slice());
    let roots = [anchor_from_trusted_cert(&root).expect("a root")];
    shake(&credentials, &[Settings::roots(&roots)], case.host)
}

#[test]
fn sound_certificates_are_accepted() {
    for case in GOOD {
        assert_eq!(with_root(case), None, "{}", case.name);
    }
}

#[test]
fn each_fault_is_refused_by_its_name() {
    for case in BAD {
        assert_eq!(with_root(case), case.refused, "{}", case.name);
    }
}
