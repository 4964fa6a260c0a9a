//! What is measured together: workloads, who runs them, and where the results are kept.

use crate::client::Client;
use crate::count;
use crate::document::Document;
use crate::plan::{self, Workload};
use crate::providers;
use crate::secure;

/// One set of workloads and counts.
pub(crate) struct Suite {
    /// How it is called.
    pub(crate) command: &'static str,
    /// Over TLS.
    pub(crate) tls: bool,
    pub(crate) workloads: &'static [Workload],
    pub(crate) counts: &'static [&'static str],
    /// In the order of the tables.
    pub(crate) clients: &'static [Client],
    /// Whose CPU times the others' are divided by. The first is the floor, and always measured.
    pub(crate) compared: &'static [Client],
}

/// Over plain TCP: `cargo xtask bench`.
pub(crate) const PLAIN: Suite = Suite {
    command: "cargo xtask bench",
    tls: false,
    workloads: plan::WORKLOADS,
    counts: count::NAMES,
    clients: &[
        Client::Null,
        Client::Epoll,
        Client::Uring,
        Client::Curl,
        Client::Hyper,
        Client::Reqwest,
        Client::Wrk,
    ],
    compared: &[Client::Null],
};

/// Over TLS: `cargo xtask bench tls`.
pub(crate) const TLS: Suite = Suite {
    command: "cargo xtask bench tls",
    tls: true,
    workloads: secure::WORKLOADS,
    counts: &[],
    clients: &[
        Client::Openssl,
        Client::Epoll,
        Client::Uring,
        Client::Curl,
        Client::Reqwest,
    ],
    compared: &[Client::Openssl, Client::Curl],
};

impl Suite {
    /// All that can be chosen.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let workloads = self.workloads.iter().map(|workload| workload.name);
        workloads.chain(self.counts.iter().copied()).collect()
    }

    /// Where the results are kept.
    pub(crate) fn document(&self) -> Document {
        if self.tls {
            tls_document()
        } else {
            Document {
                file: "docs/performance.md",
                preface: "![CPU time a request against connections](performance.svg)\n\n",
                sections: self.names(),
            }
        }
    }
}

/// What is known of TLS: the choice of the provider, and what transfers cost.
pub(crate) fn tls_document() -> Document {
    Document {
        file: "docs/tls.md",
        preface: "",
        sections: [providers::NAMES, &TLS.names()].concat(),
    }
}
