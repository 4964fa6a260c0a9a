//! HTTP/1.1 and URLs as bytes (RFC 9110, 9112, 3986): no state over calls.

mod authority;
mod chunk;
mod field;
mod join;
mod line;
mod number;
mod percent;
mod range;
mod render;
mod scan;
mod status;
mod token;
mod url;

pub use chunk::{Chunk, Chunks};
pub use field::{Field, Meaning, clean_field, parse_field, parse_field_line};
pub use join::join;
pub use line::{Line, check_line, find_line, next_line};
pub use number::{Digits, decimal};
pub use percent::Decoded;
pub use range::{ContentRange, ContentRangeValue, is_range_spec};
pub use render::Render;
pub use status::Status;
pub use token::{is_field_value, is_name, is_token, list};
pub(crate) use token::{is_same, text, trim_ows};
pub use url::{Parts, Url};
