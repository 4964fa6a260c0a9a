//! What firmware logs: frames of defmt, whose texts are in the image.

use std::fs;
use std::io;
use std::path::Path;

use defmt_decoder::{DecodeError, Table};

/// The lines of a log. A frame that was cut when the emulator was killed is left out.
///
/// # Errors
/// The image has no texts, or bytes came that are no frame.
pub fn decode(image: &Path, bytes: &[u8]) -> io::Result<Vec<String>> {
    let table = Table::parse(&fs::read(image)?).map_err(io::Error::other)?;
    let table = table.ok_or_else(|| io::Error::other("the image has no texts of its log"))?;
    let mut decoder = table.new_stream_decoder();
    decoder.received(bytes);
    let mut lines = Vec::new();
    loop {
        match decoder.decode() {
            Ok(frame) => {
                let level = frame.level().map_or("print", |level| level.as_str());
                lines.push(format!("{level}: {}", frame.display_message()));
            }
            Err(DecodeError::UnexpectedEof) => return Ok(lines),
            Err(DecodeError::Malformed) => {
                return Err(io::Error::other(format!("no frame behind {lines:?}")));
            }
        }
    }
}
