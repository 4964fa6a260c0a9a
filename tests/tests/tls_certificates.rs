//! Certificates, good and bad: each bad one gives its own clear error, and the good ones pass.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use muxfer_core::Error;
use muxfer_core::net::TlsError;
use muxfer_linux::{Choice, Identity, PinnedKey, RootSource, TlsConfig, TlsSettings, TlsVersion};
use muxfer_tests::tls::{Authority, Client, Got, Issued, Server, Shape};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, GeneralSubtree,
    IsCa, NameConstraints, SerialNumber, date_time_ymd,
};

const HOST: &str = "www.a.test";
const BODY: &[u8] = b"secured";

/// Trusts this authority alone.
fn trusting(root: &Authority) -> TlsSettings {
    TlsSettings {
        roots: vec![RootSource::Pem(root.pem().into_bytes())],
        ..TlsSettings::default()
    }
}

/// Fetches from a host at the server's address.
fn fetch_from(server: &Server, host: &str, settings: &TlsSettings) -> Got {
    let config = TlsConfig::new(settings.clone());
    let port = server.address().port();
    Client::run(Choice::Epoll, &config, |client| {
        client.pin(host, server.address());
        client.fetch(&format!("https://{host}:{port}/file"))
    })
}

/// One case: a server with this certificate, of this shape, for this host.
struct Case<'a> {
    issued: &'a Issued,
    shape: Shape,
    host: &'a str,
    settings: TlsSettings,
}

impl<'a> Case<'a> {
    fn new(root: &Authority, issued: &'a Issued) -> Self {
        Self {
            issued,
            shape: Shape::default(),
            host: HOST,
            settings: trusting(root),
        }
    }

    fn got(&self) -> Got {
        let server = Server::with(self.issued, &self.shape, BODY);
        fetch_from(&server, self.host, &self.settings)
    }

    /// It is fine.
    fn passes(&self) {
        let got = self.got();
        assert_eq!(got.result, Ok(()), "{:?}", got.detail);
        assert_eq!((got.status, got.body.as_slice()), (200, BODY));
    }

    /// It is refused for this, with this in the text that explains it, and not a byte of HTTP came.
    fn refused(&self, why: TlsError, text: &str) {
        let got = self.got();
        assert_eq!(
            got.refused(),
            Some(why),
            "{:?}: {:?}",
            got.result,
            got.detail
        );
        let Err(error) = got.result else {
            panic!("{got:?}")
        };
        let said = format!("{error}: {}", got.detail.unwrap_or_default());
        assert!(said.contains(text), "{said:?} does not say {text:?}");
        assert_eq!((got.status, got.body.len()), (0, 0));
        let code = match (why == TlsError::PinMismatch, why.is_certificate()) {
            (true, _) => 90,
            (false, true) => 60,
            (false, false) => 35,
        };
        if matches!(error, Error::Connect(_)) {
            assert_eq!(error.curl_code(), code, "{error}");
        }
    }
}

/// A certificate of a root of its own, changed by this: the root too.
fn issue(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> (Authority, Issued) {
    let root = Authority::root("the root");
    let issued = root.issue(names, change);
    (root, issued)
}

/// Refused with a certificate that is changed so.
fn refuses(change: impl FnOnce(&mut CertificateParams), why: TlsError, text: &str) {
    let (root, issued) = issue(&[HOST], change);
    Case::new(&root, &issued).refused(why, text);
}

/// Refused for a certificate with these names.
fn refuses_names(host: &str, names: &[&str], text: &str) {
    let (root, issued) = issue(&["placeholder.test"], |params| {
        params.subject_alt_names = Issued::raw_names(names);
    });
    let case = Case {
        host,
        ..Case::new(&root, &issued)
    };
    case.refused(TlsError::WrongName, text);
}

/// Accepted for a certificate with these names.
fn accepts_names(host: &str, names: &[&str]) {
    let (root, issued) = issue(names, |_| {});
    let case = Case {
        host,
        ..Case::new(&root, &issued)
    };
    case.passes();
}

#[test]
fn h9_a_good_certificate_passes_in_both_versions() {
    let (root, issued) = issue(&[HOST], |_| {});
    for shape in [Shape::default(), Shape::tls_12(), Shape::tls_13()] {
        let case = Case {
            shape,
            ..Case::new(&root, &issued)
        };
        case.passes();
    }
}

#[test]
fn an_expired_one_is_refused() {
    let change = |params: &mut CertificateParams| params.not_after = date_time_ymd(2021, 3, 9);
    refuses(change, TlsError::Expired, "has expired: at 2021-03-09");
}

#[test]
fn one_that_is_not_yet_valid_is_refused() {
    let change = |params: &mut CertificateParams| params.not_before = date_time_ymd(2090, 12, 1);
    refuses(
        change,
        TlsError::NotYetValid,
        "not valid yet: before 2090-12-01",
    );
}

#[test]
fn h9_a_wrong_name_is_refused_and_the_right_ones_are_told() {
    let text = "it is for b.test, c.test, not for www.a.test";
    refuses_names(HOST, &["b.test", "c.test"], text);
}

#[test]
fn a_wildcard_stands_for_one_label() {
    accepts_names(HOST, &["*.a.test"]);
    refuses_names("a.test", &["*.a.test"], "for *.a.test, not for a.test");
    refuses_names("x.www.a.test", &["*.a.test"], "for *.a.test");
}

#[test]
fn a_wildcard_in_the_wrong_place_is_none() {
    for name in ["www.*.test", "w*.a.test", "*w.a.test", "*", "*.*.test"] {
        refuses_names(HOST, &[name], "another host");
    }
}

#[test]
fn a_name_with_a_nul_in_it_is_none() {
    refuses_names(HOST, &["www.a.test\0.b.test"], "another host");
}

#[test]
fn a_parent_is_not_its_child() {
    refuses_names(HOST, &["a.test"], "it is for a.test");
    refuses_names(HOST, &["evil-www.a.test"], "it is for evil-www.a.test");
}

#[test]
fn the_case_of_a_name_does_not_matter() {
    accepts_names(HOST, &["WWW.A.Test"]);
}

#[test]
fn an_address_is_accepted_with_its_own_entry_alone() {
    accepts_names("127.0.0.1", &["127.0.0.1"]);
    refuses_names("127.0.0.1", &["127.0.0.1"], "another host");
    refuses_names("127.0.0.1", &["*.0.0.1"], "another host");
    let (root, issued) = issue(&["127.0.0.2"], |_| {});
    let case = Case {
        host: "127.0.0.1",
        ..Case::new(&root, &issued)
    };
    case.refused(TlsError::WrongName, "not for 127.0.0.1");
}

#[test]
fn a_name_in_the_subject_alone_does_not_count() {
    let change = |params: &mut CertificateParams| {
        params.subject_alt_names.clear();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, HOST);
    };
    refuses(change, TlsError::WrongName, "names no host");
}

#[test]
fn a_self_signed_one_is_refused_as_such() {
    let root = Authority::root("the root");
    let issued = Authority::nobody(&[HOST], |_| {});
    Case::new(&root, &issued).refused(TlsError::SelfSigned, "self-signed");
    // One that calls itself an authority, as many tools make them.
    let issued = Authority::nobody(&[HOST], |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    Case::new(&root, &issued).refused(TlsError::SelfSigned, "self-signed");
}

#[test]
fn h9_an_unknown_authority_is_refused() {
    let (_, issued) = issue(&[HOST], |_| {});
    let other = Authority::root("another root");
    Case::new(&other, &issued).refused(TlsError::UnknownIssuer, "issuer is not known");
}

#[test]
fn an_authority_that_only_bears_a_known_name_is_refused() {
    let root = Authority::root("the root");
    let issued = root.impostor().issue(&[HOST], |_| {});
    Case::new(&root, &issued).refused(TlsError::BadSignature, "a signature is wrong");
}

#[test]
fn a_chain_of_authorities_passes() {
    let root = Authority::root("the root");
    let middle = root.below("the middle", |_| {});
    let low = middle.below("below the middle", |_| {});
    let issued = low.issue(&[HOST], |_| {});
    assert_eq!(issued.chain.len(), 3);
    Case::new(&root, &issued).passes();
}

#[test]
fn a_chain_with_a_gap_is_refused() {
    let root = Authority::root("the root");
    let middle = root.below("the middle", |_| {});
    let mut issued = middle.issue(&[HOST], |_| {});
    issued.chain.truncate(1);
    Case::new(&root, &issued).refused(TlsError::UnknownIssuer, "issuer is not known");
}

#[test]
fn who_is_no_authority_can_vouch_for_nobody() {
    let root = Authority::root("the root");
    for is_ca in [IsCa::ExplicitNoCa, IsCa::NoCa] {
        let server = root.below("a server", |params| params.is_ca = is_ca);
        let issued = server.issue(&[HOST], |_| {});
        Case::new(&root, &issued).refused(TlsError::WrongUsage, "may not vouch for others");
    }
}

#[test]
fn an_authority_that_has_expired_is_refused() {
    let root = Authority::root("the root");
    let middle = root.below("the middle", |params| {
        params.not_after = date_time_ymd(2022, 1, 1);
    });
    let issued = middle.issue(&[HOST], |_| {});
    Case::new(&root, &issued).refused(TlsError::Expired, "2022-01-01");
}

#[test]
fn an_authority_is_not_a_server() {
    let root = Authority::root("the root");
    let middle = root.below("the middle", |params| {
        params.subject_alt_names = Issued::raw_names(&[HOST]);
    });
    let mut issued = middle.as_server();
    issued.chain.truncate(1);
    Case::new(&root, &issued).refused(TlsError::WrongUsage, "that of an authority");
}

#[test]
fn a_certificate_for_clients_is_not_that_of_a_server() {
    let change = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    refuses(change, TlsError::WrongUsage, "not that of a server");
}

#[test]
fn a_certificate_without_a_purpose_passes() {
    let (root, issued) = issue(&[HOST], |params| params.extended_key_usages.clear());
    Case::new(&root, &issued).passes();
}

#[test]
fn an_authority_is_held_to_its_names() {
    let root = Authority::root("the root");
    let constrained = |permitted: &[&str], excluded: &[&str]| {
        let trees = |names: &[&str]| {
            let names = names.iter().map(|&name| name.to_owned());
            names.map(GeneralSubtree::DnsName).collect()
        };
        let constraints = NameConstraints {
            permitted_subtrees: trees(permitted),
            excluded_subtrees: trees(excluded),
        };
        let middle = root.below("the middle", |params| {
            params.name_constraints = Some(constraints);
        });
        middle.issue(&[HOST], |_| {})
    };
    Case::new(&root, &constrained(&["a.test"], &[])).passes();
    for (permitted, excluded) in [(&["b.test"][..], &[][..]), (&[], &["a.test"])] {
        let issued = constrained(permitted, excluded);
        Case::new(&root, &issued).refused(TlsError::Constraint, "outside of its names");
    }
}

#[test]
fn a_chain_may_be_only_so_long() {
    let root = Authority::root("the root");
    let middle = root.below("the middle", |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    });
    Case::new(&root, &middle.issue(&[HOST], |_| {})).passes();
    let issued = middle.below("too low", |_| {}).issue(&[HOST], |_| {});
    Case::new(&root, &issued).refused(TlsError::Constraint, "longer than it may be");
}

#[test]
fn a_critical_extension_that_is_not_known_is_refused() {
    let change = |params: &mut CertificateParams| {
        let mut extension =
            CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
    };
    refuses(change, TlsError::BadCertificate, "xtension");
}

#[test]
fn bytes_that_are_no_certificate_are_refused() {
    let (root, mut issued) = issue(&[HOST], |_| {});
    let mut der = issued.chain[0].to_vec();
    der.truncate(40);
    issued.chain[0] = der.into();
    Case::new(&root, &issued).refused(TlsError::BadCertificate, "malformed");
}

#[test]
fn a_changed_certificate_is_refused() {
    let (root, mut issued) = issue(&[HOST], |_| {});
    let mut der = issued.chain[0].to_vec();
    let last = der.len() - 1;
    der[last] ^= 1;
    issued.chain[0] = der.into();
    Case::new(&root, &issued).refused(TlsError::BadSignature, "a signature is wrong");
}

#[test]
fn a_certificate_without_its_key_is_refused() {
    let (root, mut issued) = issue(&[HOST], |_| {});
    issued.key = Authority::nobody(&[HOST], |_| {}).key;
    for shape in [Shape::tls_12(), Shape::tls_13()] {
        let case = Case {
            shape,
            ..Case::new(&root, &issued)
        };
        case.refused(TlsError::BadSignature, "a signature is wrong");
    }
}

#[test]
fn a_revoked_one_is_refused() {
    let serial = |params: &mut CertificateParams| {
        params.serial_number = Some(SerialNumber::from(4711));
    };
    let (root, issued) = issue(&[HOST], serial);
    let with_list = |list: String| Case {
        settings: TlsSettings {
            revoked: vec![list.into_bytes()],
            ..trusting(&root)
        },
        ..Case::new(&root, &issued)
    };
    with_list(root.revokes(&[1, 2], false)).passes();
    with_list(root.revokes(&[1, 4711], false)).refused(TlsError::Revoked, "was revoked");
    let foreign = Authority::root("another root").revokes(&[1], false);
    with_list(foreign).refused(TlsError::RevocationUnknown, "revoked is not known");
}

#[test]
fn h9_pins_hold_beside_the_authority_and_without_one() {
    let (root, issued) = issue(&[HOST], |_| {});
    let digest = |issued: &Issued| {
        let info = rcgen::PublicKeyData::subject_public_key_info(&issued.key);
        let provider = rustls::crypto::ring::default_provider();
        let suite = provider.cipher_suites.iter().find_map(|suite| {
            suite
                .tls13()
                .filter(|suite| suite.common.hash_provider.output_len() == 32)
        });
        let hash = suite.expect("SHA-256").common.hash_provider.hash(&info);
        PinnedKey(hash.as_ref().try_into().expect("32 bytes"))
    };
    let (pin, wrong) = (digest(&issued), digest(&Authority::nobody(&[HOST], |_| {})));
    let pinned = |pins: &[PinnedKey], insecure| Case {
        settings: TlsSettings {
            pins: pins.to_vec(),
            insecure,
            ..trusting(&root)
        },
        ..Case::new(&root, &issued)
    };
    pinned(&[wrong, pin], false).passes();
    pinned(&[pin], true).passes();
    for insecure in [false, true] {
        let text = format!("its key is {pin}");
        pinned(&[wrong], insecure).refused(TlsError::PinMismatch, &text);
    }
    // The right key in a certificate that nobody vouches for is not enough.
    let other = Authority::root("another root");
    let case = Case {
        settings: TlsSettings {
            pins: vec![pin],
            ..trusting(&other)
        },
        ..Case::new(&other, &issued)
    };
    case.refused(TlsError::UnknownIssuer, "issuer is not known");
}

#[test]
fn without_checks_anybody_will_do() {
    let root = Authority::root("the root");
    let issued = Authority::nobody(&["elsewhere.test"], |params| {
        params.not_after = date_time_ymd(2021, 1, 1);
    });
    for shape in [Shape::tls_12(), Shape::tls_13()] {
        let case = Case {
            shape,
            settings: TlsSettings {
                insecure: true,
                ..trusting(&root)
            },
            ..Case::new(&root, &issued)
        };
        case.passes();
    }
}

/// A server that asks for certificates of one authority, and what a client shows it.
fn asked(
    only: u16,
    ours: Option<&Issued>,
    of: &Authority,
) -> (Authority, Issued, Shape, TlsSettings) {
    let (root, issued) = issue(&[HOST], |_| {});
    let shape = Shape {
        only: Some(only),
        clients_of: Some(of.der().to_vec()),
        ..Shape::default()
    };
    let settings = TlsSettings {
        identity: ours.map(|ours| Identity {
            name: "ours".into(),
            certificate: ours.pem.clone().into_bytes(),
            key: ours.key.serialize_pem().into_bytes(),
        }),
        ..trusting(&root)
    };
    (root, issued, shape, settings)
}

#[test]
fn h9_a_client_certificate_is_shown_and_missed() {
    let clients = Authority::root("of clients");
    let client = |authority: &Authority| {
        authority.issue(&["client.test"], |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        })
    };
    let (ours, foreign) = (client(&clients), client(&Authority::root("of others")));
    for only in [12, 13] {
        for (shown, text) in [
            (Some(&ours), None),
            (None, Some("wants a client certificate: alert")),
            (Some(&foreign), Some("refuses the one it was shown")),
        ] {
            let (root, issued, shape, settings) = asked(only, shown, &clients);
            let case = Case {
                shape,
                settings,
                ..Case::new(&root, &issued)
            };
            match text {
                None => case.passes(),
                Some(text) => case.refused(TlsError::ClientCertificate, text),
            }
        }
    }
}

#[test]
fn versions_are_held_to() {
    let (root, issued) = issue(&[HOST], |_| {});
    let between = |min, max, shape| Case {
        shape,
        settings: TlsSettings {
            min,
            max,
            ..trusting(&root)
        },
        ..Case::new(&root, &issued)
    };
    use TlsVersion::{Tls12, Tls13};
    between(Tls12, Tls12, Shape::tls_12()).passes();
    between(Tls13, Tls13, Shape::tls_13()).passes();
    between(Tls13, Tls13, Shape::tls_12()).refused(TlsError::Version, "no common version");
    between(Tls12, Tls12, Shape::tls_13()).refused(TlsError::Version, "no common version");
}

#[test]
fn a_protocol_that_is_not_ours_is_refused() {
    let (root, issued) = issue(&[HOST], |_| {});
    let knowing = |alpn: &[&[u8]]| Case {
        shape: Shape {
            alpn: alpn.iter().map(|name| name.to_vec()).collect(),
            ..Shape::default()
        },
        ..Case::new(&root, &issued)
    };
    knowing(&[]).passes();
    knowing(&[b"h2", b"http/1.1"]).passes();
    knowing(&[b"h2"]).refused(TlsError::Alpn, "no common protocol");
}

/// A peer that answers the first words of a client with these bytes, whatever they were.
fn canned(bytes: &'static [u8]) -> Got {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    let peer = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("not zero");
        let mut hello = [0; 4096];
        let _ = stream.read(&mut hello);
        let _ = stream.write_all(bytes);
        // Until the client ends it.
        while matches!(stream.read(&mut hello), Ok(n) if n > 0) {}
    });
    let config = TlsConfig::new(trusting(&Authority::root("the root")));
    let got = Client::run(Choice::Epoll, &config, |client| {
        client.pin(HOST, address);
        client.fetch(&format!("https://{HOST}:{}/", address.port()))
    });
    peer.join().expect("a peer");
    got
}

#[test]
fn an_old_version_is_refused() {
    // A ServerHello of TLS 1.1: 32 bytes of random, no session, AES-128-CBC with SHA-1.
    const OLD: &[u8] = b"\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02\
        0123456789abcdef0123456789abcdef\x00\x00\x2f\x00";
    assert_eq!(canned(OLD).refused(), Some(TlsError::Version));
    // What a server says that has only old ones.
    const ALERT: &[u8] = b"\x15\x03\x02\x00\x02\x02\x46";
    assert_eq!(canned(ALERT).refused(), Some(TlsError::Version));
}

#[test]
fn garbage_is_not_tls() {
    let got = canned(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(got.refused(), Some(TlsError::Protocol));
    let detail = got.detail.expect("an explanation");
    assert!(detail.contains("plain HTTP"), "{detail}");
    for bytes in [
        &b"\x16\x03\x03\x00\x00"[..],
        b"\x17\x03\x03\x00\x03abc",
        &[0; 1000],
    ] {
        assert_eq!(
            canned(bytes).refused(),
            Some(TlsError::Protocol),
            "{bytes:?}"
        );
    }
    // An alert says more.
    assert_eq!(
        canned(b"\x15\x03\x03\x00\x02\x02\x28").refused(),
        Some(TlsError::Alert(40))
    );
}
