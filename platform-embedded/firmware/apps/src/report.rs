//! How a transfer ended, in one line that the host looks for.

use muxfer_core::Error;

use crate::digest::{Digest, Sum};

/// Says how the transfer of this name ended. Gives the exit status that stands for it: 0, or
/// libcurl's number of the error.
pub fn transfer(name: &str, result: Result<(), Error>, status: u16, body: Digest) -> u8 {
    let (length, Sum(sum)) = body.finish();
    let code = result.err().map_or(0, |error| error.curl_code());
    defmt::info!(
        "{=str}: code={=u8} status={=u16} bytes={=u32} sha256={}",
        name,
        code,
        status,
        length,
        Sum(sum)
    );
    code
}
