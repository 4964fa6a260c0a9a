//! Containers of fixed capacity over borrowed slices: tables, lists through them, deadlines, blocks.

mod deadlines;
mod id;
mod lines;
mod list;
#[cfg(not(feature = "races"))]
mod single;
mod slots;

pub use deadlines::{DeadlineEntry, Deadlines};
pub use id::{ConnId, ConnKind, Handle, Id, OriginId, OriginKind, TransferKind};
pub use lines::{Block, Lines};
pub use list::{Link, Linked, List};
pub(crate) use list::{POOL, SIBLINGS};
/// The attempts to connect of one transfer.
#[cfg(feature = "races")]
pub(crate) type Attempts = List<SIBLINGS>;
#[cfg(not(feature = "races"))]
pub(crate) type Attempts = single::Single<ConnKind>;
pub use slots::{Slot, Slots};
