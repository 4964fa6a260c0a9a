//! TLS for devices: each fault that a certificate can have is refused, by its name, and sound
//! certificates are accepted. The servers are rustls, in memory.

use muxfer_core::net::{IoError, TlsError};
use muxfer_embedded::tls::{CertificateDer, Pin, Settings, anchor_from_trusted_cert};
use muxfer_tests::device_tls::cases::{BAD, Case, GOOD};
use muxfer_tests::device_tls::client::{Client, reason};
use muxfer_tests::device_tls::pki::{Credentials, Plan, dns};
use muxfer_tests::device_tls::server::{Server, config};
use rcgen::{KeyPair, PublicKeyData};
use rustls::version::TLS13;
use sha2::{Digest, Sha256};

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
    // Both must think the same of it.
    assert_eq!(
        server.tls.is_handshaking(),
        refused.is_some(),
        "{:?}",
        server.error
    );
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

/// The SHA-256 of the server's key, taken from the key itself.
fn pin(credentials: &Credentials) -> Pin {
    let key = KeyPair::try_from(credentials.key.as_slice()).expect("a key");
    let spki = key.subject_public_key_info();
    Sha256::digest(spki).into()
}

#[test]
fn a_pinned_key_is_enough_and_no_other_is() {
    let credentials = Plan::new(vec![dns("www.example.test")]).sign();
    let right = [[1; 32], pin(&credentials)];
    assert_eq!(
        shake(&credentials, &[Settings::pins(&right)], "any.test"),
        None
    );
    let wrong = [[1; 32], pin(&Plan::new(vec![]).sign())];
    let refused = shake(&credentials, &[Settings::pins(&wrong)], "any.test");
    assert_eq!(refused, Some(TlsError::PinMismatch));
}

/// Without a name, a date or an issuer a pin is all there is, so what stays must hold: the server
/// has the key.
#[test]
fn a_pinned_key_must_be_had() {
    let credentials = Plan::new(vec![dns("www.example.test")]).sign();
    let pins = [pin(&credentials)];
    let thief = credentials.with_other_key();
    let refused = shake(&thief, &[Settings::pins(&pins)], "any.test");
    assert_eq!(refused, Some(TlsError::BadSignature));
}

#[test]
fn a_pin_does_not_ask_who_signed_nor_when() {
    let mut plan = Plan::new(vec![]);
    plan.leaf.not_after = rcgen::date_time_ymd(2026, 5, 31);
    let credentials = plan.sign_itself();
    let pins = [pin(&credentials)];
    assert_eq!(
        shake(&credentials, &[Settings::pins(&pins)], "any.test"),
        None
    );
}

#[test]
fn roots_and_pins_must_both_hold() {
    let credentials = Plan::new(vec![dns("www.example.test")]).sign();
    let root = CertificateDer::from(credentials.root.as_slice());
    let roots = [anchor_from_trusted_cert(&root).expect("a root")];
    let (right, wrong) = ([pin(&credentials)], [[7; 32]]);
    let with = |pins: &[Pin], host| {
        shake(
            &credentials,
            &[Settings::roots_and_pins(&roots, pins)],
            host,
        )
    };
    assert_eq!(with(&right, "www.example.test"), None);
    assert_eq!(
        with(&wrong, "www.example.test"),
        Some(TlsError::PinMismatch)
    );
    assert_eq!(with(&right, "other.test"), Some(TlsError::WrongName));
}

#[test]
fn the_right_one_of_several_roots_is_found() {
    let credentials = Plan::new(vec![dns("www.example.test")]).sign();
    let others = [Plan::new(vec![]).sign(), Plan::new(vec![]).sign()];
    let ders = [&others[0].root, &credentials.root, &others[1].root];
    let ders = ders.map(|der| CertificateDer::from(der.as_slice()));
    let roots = ders
        .each_ref()
        .map(|der| anchor_from_trusted_cert(der).expect("a root"));
    let settings = [Settings::roots(&roots)];
    assert_eq!(shake(&credentials, &settings, "www.example.test"), None);
}

#[test]
fn nobody_is_trusted_without_roots_and_pins_or_without_the_time() {
    let credentials = Plan::new(vec![dns("www.example.test")]).sign();
    let refused = shake(&credentials, &[Settings::default()], "www.example.test");
    assert_eq!(refused, Some(TlsError::UnknownIssuer));
    let root = CertificateDer::from(credentials.root.as_slice());
    let roots = [anchor_from_trusted_cert(&root).expect("a root")];
    let settings = [Settings::roots(&roots)];
    let mut server = Server::new(config(&credentials, &[&TLS13]));
    let mut client: Client<'_> = Client::new(&settings, "www.example.test");
    client.unix_time = None;
    let result = client.handshake(|wire| {
        let sent = std::mem::take(&mut wire.to_server);
        wire.to_client.extend(server.turn(&sent));
    });
    assert_eq!(reason(result), Some(TlsError::Settings));
}

#[test]
fn settings_that_do_not_exist_are_refused_before_anything_is_sent() {
    let settings = [Settings::default()];
    let mut client: Client<'_> = Client::new(&settings, "www.example.test");
    client.close();
    let refused = client.open("www.example.test", 1);
    assert_eq!(refused, Err(IoError::Tls(TlsError::Settings)));
    assert!(client.wire.to_server.is_empty());
}
