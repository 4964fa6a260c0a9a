//! muxfer on Linux.
