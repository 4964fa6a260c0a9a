//! Containers of fixed capacity over borrowed slices: tables, lists through them, deadlines, blocks.

mod deadlines;
mod id;
mod lines;
mod list;
mod slots;

pub use deadlines::{DeadlineEntry, Deadlines};
pub use id::{ConnId, ConnKind, Handle, Id, OriginId, OriginKind, TransferKind};
pub use lines::{Block, Lines};
pub use list::{Link, Linked, List};
pub(crate) use list::{POOL, SIBLINGS};
pub use slots::{Slot, Slots};
