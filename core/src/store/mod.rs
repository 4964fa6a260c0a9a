//! Containers of fixed capacity over borrowed slices.

mod id;

pub use id::{ConnId, ConnKind, Handle, Id, OriginId, OriginKind, TransferKind};
