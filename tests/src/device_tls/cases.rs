//! The faults that a certificate can have (CHECKLIST of the project, TLS): a table, so that several
//! clients can be held against it.

use muxfer_core::net::TlsError;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, NameConstraints, date_time_ymd,
};

use super::pki::{Credentials, Plan, authority, dns, ip};

/// One chain, and what must become of it.
pub struct Case {
    /// What it is, for tables and messages.
    pub name: &'static str,
    /// The host of the URL.
    pub host: &'static str,
    /// Why it must be refused, if it must.
    pub refused: Option<TlsError>,
    /// Makes it.
    pub make: fn() -> Credentials,
}

const HOST: &str = "www.example.test";

const fn good(name: &'static str, host: &'static str, make: fn() -> Credentials) -> Case {
    Case {
        name,
        host,
        refused: None,
        make,
    }
}

const fn bad(
    name: &'static str,
    host: &'static str,
    why: TlsError,
    make: fn() -> Credentials,
) -> Case {
    Case {
        name,
        host,
        refused: Some(why),
        make,
    }
}

/// A chain for these DNS names.
fn names(names: &[&str]) -> Credentials {
    Plan::new(names.iter().map(|name| dns(name)).collect()).sign()
}

/// A chain for [`HOST`], after a change of the server's certificate.
fn leaf(change: impl FnOnce(&mut CertificateParams)) -> Credentials {
    let mut plan = Plan::new(vec![dns(HOST)]);
    change(&mut plan.leaf);
    plan.sign()
}

/// A chain for [`HOST`], after a change of the authority between.
fn middle(change: impl FnOnce(&mut CertificateParams)) -> Credentials {
    let mut plan = Plan::with_middle(vec![dns(HOST)]);
    change(plan.middle.as_mut().expect("there is one"));
    plan.sign()
}

fn constrained(permitted: Vec<GeneralSubtree>, excluded: Vec<GeneralSubtree>) -> NameConstraints {
    NameConstraints {
        permitted_subtrees: permitted,
        excluded_subtrees: excluded,
    }
}

fn subtree(name: &str) -> GeneralSubtree {
    GeneralSubtree::DnsName(name.into())
}

/// Sound chains: whoever refuses one of these is of no use.
pub const GOOD: &[Case] = &[
    good("exact name", HOST, || names(&[HOST])),
    good("name in other letters", HOST, || {
        names(&["WWW.Example.TEST"])
    }),
    good("wildcard as the whole first label", HOST, || {
        names(&["*.example.test"])
    }),
    good("IPv4 address", "192.0.2.7", || {
        Plan::new(vec![ip("192.0.2.7")]).sign()
    }),
    good("IPv6 address", "2001:db8::7", || {
        Plan::new(vec![ip("2001:db8::7")]).sign()
    }),
    good("an authority between", HOST, || middle(|_| {})),
    good("twelve names, the right one last", HOST, || {
        let mut all: Vec<_> = (0..11).map(|i| dns(&format!("h{i}.example"))).collect();
        all.push(dns(HOST));
        Plan::new(all).sign()
    }),
    good("within the authority's name constraints", HOST, || {
        middle(|params| {
            params.name_constraints = Some(constrained(vec![subtree("example.test")], vec![]));
        })
    }),
];

/// Chains that must be refused.
pub const BAD: &[Case] = &[
    bad("another name", HOST, TlsError::WrongName, || {
        names(&["www.example.invalid"])
    }),
    bad("the parent's name", HOST, TlsError::WrongName, || {
        names(&["example.test"])
    }),
    bad(
        "wildcard not in the first label",
        HOST,
        TlsError::WrongName,
        || names(&["www.*.test"]),
    ),
    bad(
        "wildcard as part of a label",
        HOST,
        TlsError::WrongName,
        || names(&["w*.example.test"]),
    ),
    bad(
        "wildcard over two labels",
        "a.www.example.test",
        TlsError::WrongName,
        || names(&["*.example.test"]),
    ),
    bad(
        "wildcard for no label",
        "example.test",
        TlsError::WrongName,
        || names(&["*.example.test"]),
    ),
    bad(
        "wildcard in an A-label",
        "xn--caf-dma.example.test",
        TlsError::WrongName,
        || names(&["xn--*.example.test"]),
    ),
    bad("NUL within the name", HOST, TlsError::WrongName, || {
        names(&["www.example.test\0.evil.invalid"])
    }),
    bad("another address", "192.0.2.7", TlsError::WrongName, || {
        Plan::new(vec![ip("192.0.2.8")]).sign()
    }),
    bad(
        "address as a DNS name",
        "192.0.2.7",
        TlsError::WrongName,
        || names(&["192.0.2.7"]),
    ),
    bad(
        "wildcard for an address",
        "192.0.2.7",
        TlsError::WrongName,
        || names(&["*.0.2.7"]),
    ),
    bad(
        "an address only, for a name",
        HOST,
        TlsError::WrongName,
        || Plan::new(vec![ip("192.0.2.7")]).sign(),
    ),
    bad(
        "name in the common name only",
        HOST,
        TlsError::WrongName,
        || {
            let mut plan = Plan::new(vec![]);
            plan.leaf.distinguished_name.push(DnType::CommonName, HOST);
            plan.sign()
        },
    ),
    bad(
        "right common name, wrong alternative name",
        HOST,
        TlsError::WrongName,
        || {
            let mut plan = Plan::new(vec![dns("www.example.invalid")]);
            plan.leaf.distinguished_name.push(DnType::CommonName, HOST);
            plan.sign()
        },
    ),
    bad("expired", HOST, TlsError::Expired, || {
        leaf(|params| params.not_after = date_time_ymd(2026, 5, 31))
    }),
    bad("not valid yet", HOST, TlsError::NotYetValid, || {
        leaf(|params| params.not_before = date_time_ymd(2026, 6, 2))
    }),
    bad("self-signed", HOST, TlsError::UnknownIssuer, || {
        Plan::new(vec![dns(HOST)]).sign_itself()
    }),
    bad("unknown authority", HOST, TlsError::UnknownIssuer, || {
        let mut plan = Plan::new(vec![dns(HOST)]);
        plan.root = authority("another root");
        Credentials {
            root: names(&[HOST]).root,
            ..plan.sign()
        }
    }),
    bad(
        "another authority of the same name",
        HOST,
        TlsError::BadSignature,
        || Credentials {
            root: names(&[HOST]).root,
            ..names(&[HOST])
        },
    ),
    bad(
        "the authority between is missing",
        HOST,
        TlsError::UnknownIssuer,
        || {
            let mut plan = Plan::with_middle(vec![dns(HOST)]);
            plan.send_middle = false;
            plan.sign()
        },
    ),
    bad(
        "the authority between is none",
        HOST,
        TlsError::Constraint,
        || middle(|params| params.is_ca = IsCa::ExplicitNoCa),
    ),
    bad(
        "the authority between has no basic constraints",
        HOST,
        TlsError::Constraint,
        || middle(|params| params.is_ca = IsCa::NoCa),
    ),
    bad(
        "the authority between has expired",
        HOST,
        TlsError::Expired,
        || middle(|params| params.not_after = date_time_ymd(2026, 5, 31)),
    ),
    bad(
        "the authority between is for clients",
        HOST,
        TlsError::WrongUsage,
        || middle(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
    ),
    bad("the path is too long", HOST, TlsError::Constraint, || {
        let mut outer = authority("an outer authority");
        outer.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        long_path(&Plan::new(vec![dns(HOST)]), &outer)
    }),
    bad(
        "an authority as a server",
        HOST,
        TlsError::Constraint,
        || leaf(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
    ),
    bad("for clients only", HOST, TlsError::WrongUsage, || {
        leaf(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth])
    }),
    bad(
        "outside of the permitted names",
        HOST,
        TlsError::Constraint,
        || {
            middle(|params| {
                params.name_constraints =
                    Some(constrained(vec![subtree("example.invalid")], vec![]));
            })
        },
    ),
    bad(
        "among the excluded names",
        HOST,
        TlsError::Constraint,
        || {
            middle(|params| {
                params.name_constraints = Some(constrained(vec![], vec![subtree("example.test")]));
            })
        },
    ),
    bad(
        "among the excluded addresses",
        "192.0.2.7",
        TlsError::Constraint,
        || {
            let mut plan = Plan::with_middle(vec![ip("192.0.2.7")]);
            let net = GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([192, 0, 2, 0], 24));
            let middle = plan.middle.as_mut().expect("there is one");
            middle.name_constraints = Some(constrained(vec![], vec![net]));
            plan.sign()
        },
    ),
    bad(
        "the server's signature is broken",
        HOST,
        TlsError::BadSignature,
        || names(&[HOST]).with_broken_signature(0),
    ),
    bad(
        "the signature of the authority between is broken",
        HOST,
        TlsError::BadSignature,
        || middle(|_| {}).with_broken_signature(1),
    ),
    bad(
        "the server does not have the key",
        HOST,
        TlsError::BadSignature,
        || names(&[HOST]).with_other_key(),
    ),
    bad(
        "an unknown critical extension",
        HOST,
        TlsError::BadCertificate,
        || {
            leaf(|params| {
                let mut unknown =
                    CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 99], vec![5, 0]);
                unknown.set_criticality(true);
                params.custom_extensions = vec![unknown];
            })
        },
    ),
    bad("not a certificate", HOST, TlsError::BadCertificate, || {
        let mut credentials = names(&[HOST]);
        credentials.chain[0] = b"not a certificate".to_vec();
        credentials
    }),
    bad(
        "cut off in the middle",
        HOST,
        TlsError::BadCertificate,
        || {
            let mut credentials = names(&[HOST]);
            let half = credentials.chain[0].len() / 2;
            credentials.chain[0].truncate(half);
            credentials
        },
    ),
    bad(
        "a root with a key of another kind",
        HOST,
        TlsError::WeakSignature,
        || {
            let mut plan = Plan::new(vec![dns(HOST)]);
            plan.root_key = &rcgen::PKCS_ED25519;
            plan.sign()
        },
    ),
];

/// Root, authority, authority, server, where the first authority may only vouch for servers.
fn long_path(plan: &Plan, outer: &CertificateParams) -> Credentials {
    use rcgen::{Issuer, KeyPair};
    let key = || KeyPair::generate().expect("a key");
    let (root_key, outer_key, inner_key, leaf_key) = (key(), key(), key(), key());
    let inner = authority("an inner authority");
    let root = authority("a root");
    let root_issuer = Issuer::from_params(&root, &root_key);
    let outer_issuer = Issuer::from_params(outer, &outer_key);
    let inner_issuer = Issuer::from_params(&inner, &inner_key);
    let leaf = plan.leaf.signed_by(&leaf_key, &inner_issuer);
    let chain = [
        leaf.expect("a leaf"),
        inner.signed_by(&inner_key, &outer_issuer).expect("inner"),
        outer.signed_by(&outer_key, &root_issuer).expect("outer"),
    ];
    Credentials {
        chain: chain.iter().map(|one| one.der().to_vec()).collect(),
        key: leaf_key.serialize_der(),
        root: root.self_signed(&root_key).expect("a root").der().to_vec(),
    }
}
