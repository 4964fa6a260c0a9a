//! What goes into the ring and comes out of it, as plain values.

use std::io;
use std::time::Duration;

use io_uring::IoUring;
use rustix::io::Errno;

use super::kernel::Piece;
use super::tag::Tag;

/// Sizes of a ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    /// Places for operations that wait for the next submission.
    pub(super) submissions: u32,
    /// Places for completions that were not looked at yet.
    pub(super) completions: u32,
    /// Memory for receiving, and in how many buffers it is provided.
    pub(super) receive_bytes: usize,
    pub(super) buffers: u16,
    /// The same where each receive takes a whole one.
    pub(super) whole_buffers: u16,
    /// Memory for sending.
    pub(super) send_bytes: usize,
    /// Use buffers piece by piece if the kernel can.
    pub(super) incremental: bool,
}

impl Setup {
    /// A ring with all flags that save time, or without the one that is younger than the others.
    pub(super) fn build(&self) -> io::Result<IoUring> {
        let wanted = |no_array: bool| {
            let mut builder = IoUring::builder();
            builder
                .setup_clamp()
                .setup_cqsize(self.completions)
                .setup_single_issuer()
                .setup_defer_taskrun()
                .setup_submit_all();
            if no_array {
                builder.setup_no_sqarray();
            }
            builder.build(self.submissions)
        };
        wanted(true).or_else(|_| wanted(false))
    }
}

/// How long [`Ring::enter`] waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// At most so long; `None` is for ever.
    pub(super) at_most: Option<Duration>,
    /// For so many completions, during `gather`; after that one is enough.
    pub(super) completions: u32,
    pub(super) gather: Duration,
}

impl Patience {
    /// How many completions end a wait, and after how many microseconds one is enough, where the
    /// kernel can be told of both.
    pub(super) fn gathering(&self, can: bool) -> (usize, u32) {
        // The kernel looks at the whole time only after that one.
        let most = self.at_most.unwrap_or(Duration::MAX);
        let gather = self.gather.min(most).as_micros();
        let gather = u32::try_from(gather).unwrap_or(u32::MAX);
        // Without a time the number would have to come, however long that takes.
        if gather == 0 || !can {
            return (1, 0);
        }
        (self.completions.max(1) as usize, gather)
    }
}

/// How far a provided buffer is used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Buffer {
    /// Up to where the kernel has filled it.
    pub(super) filled: u32,
    /// How much of it was lent and not released.
    pub(super) lent: u32,
    /// The kernel will not write to it any more.
    pub(super) full: bool,
}

/// Bytes of the send memory that the kernel was told to send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) at: u32,
    pub(super) len: u32,
}

impl Span {
    pub(super) fn len(self) -> usize {
        self.len as usize
    }
}

/// What the kernel says of an operation.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) tag: Tag,
    /// A count, or a mask of a poll.
    pub(super) result: Result<u32, Errno>,
    /// What was received.
    pub(super) piece: Option<Piece>,
    /// More completions of this operation follow.
    pub(super) more: bool,
}
