//! HTTP/1.1 and URLs as bytes (RFC 9110, 9112, 3986): no state over calls.
