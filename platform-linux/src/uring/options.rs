//! How the io_uring platform behaves.

use std::time::Duration;

use crate::resolver::NameOptions;
use crate::sockets::SocketOptions;

use super::shapes::Setup;

/// How [`Uring`](super::Uring) behaves.
#[derive(Clone, Debug)]
pub struct UringOptions {
    /// The connections' part. `receive_bytes` is used where there is no memory for more.
    pub sockets: SocketOptions,
    /// The look-ups' part.
    pub names: NameOptions,
    /// How many operations are noted down before they must go to the kernel: 1024.
    pub submissions: u32,
    /// Memory into which the kernel receives, for all connections together: 2 MiB. More makes fast
    /// downloads no cheaper. It is resident from the start.
    pub receive_bytes: usize,
    /// In how many buffers that memory is provided: 4. Rounded up to a power of two.
    pub buffers: u16,
    /// The same where each receive takes a whole one: 128.
    pub whole_buffers: u16,
    /// Memory out of which the kernel sends: 128 KiB.
    pub send_bytes: usize,
    /// Wait a little for more to come.
    pub coalesce: Option<Coalesce>,
    /// Let the kernel use buffers piece by piece (6.12). Without, each receive takes a whole one.
    pub incremental: bool,
}

impl Default for UringOptions {
    fn default() -> Self {
        Self {
            sockets: SocketOptions::default(),
            names: NameOptions::default(),
            submissions: 1024,
            receive_bytes: 2 * 1024 * 1024,
            buffers: 4,
            whole_buffers: 128,
            send_bytes: 128 * 1024,
            coalesce: None,
            incremental: true,
        }
    }
}

/// A wait that gathers completions: it saves CPU time and costs up to `wait` of latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coalesce {
    /// After this time one completion is enough. Less than a microsecond gathers nothing, and
    /// kernels before 6.12 can't.
    pub wait: Duration,
    /// So many completions end the wait before that.
    pub completions: u32,
}

impl UringOptions {
    pub(super) fn setup(&self) -> Setup {
        let connections = u32::try_from(self.sockets.connections).unwrap_or(u32::MAX);
        Setup {
            submissions: self.submissions.clamp(8, 32_768),
            // One of each connection at once; what does not fit waits in the kernel.
            completions: connections.clamp(4096, 65_536),
            receive_bytes: self.receive_bytes,
            buffers: self.buffers.max(1),
            whole_buffers: self.whole_buffers.max(1),
            send_bytes: self.send_bytes,
            incremental: self.incremental,
        }
    }
}
