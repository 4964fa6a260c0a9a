//! A request head: checked before anything is sent, rendered as often as it is needed.

use crate::Error;
use crate::easy::{Auth, Body, Field, Range, Request};
use crate::error::RequestError;
use crate::wire::{Render, Url, is_field_value, is_range_spec, is_token};

/// Fields that only the engine may set.
const RESERVED: [&str; 3] = ["Content-Length", "Transfer-Encoding", "Expect"];
/// Fields that hold secrets of the first origin, or name it.
const OF_THE_ORIGIN: [&str; 4] = ["Authorization", "Cookie", "Proxy-Authorization", "Host"];

/// A request with all that decides how it is sent.
#[derive(Clone, Copy)]
pub struct Outgoing<'a> {
    /// What the easy handle asks for.
    pub request: Request<'a>,
    /// Its URL.
    pub url: Url<'a>,
    /// A redirect led to another origin: no credentials are sent.
    pub foreign: bool,
    /// A redirect turned it into a GET without a body.
    pub rewritten: bool,
    /// It asks for `100 Continue`.
    pub expect: bool,
    /// It asks the peer to close the connection.
    pub close: bool,
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|other| name.eq_ignore_ascii_case(other))
}

impl<'a> Outgoing<'a> {
    /// Can it be sent? No line end can get into the head (CHECKLIST C12: CVE-2012-0036, 2014-8150).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), Error> {
        if !is_token(self.request.method.as_bytes()) {
            return Err(RequestError::Method.into());
        }
        for field in self.all_fields() {
            check_field(field)?;
        }
        match self.request.range {
            Some(Range::Spec(spec)) if !is_range_spec(spec) => Err(RequestError::Range)?,
            Some(Range::Resume {
                validator: Some(text),
                ..
            }) if !is_field_value(text.as_bytes()) => {
                Err(RequestError::Range)?;
            }
            Some(Range::Spec(_) | Range::Resume { .. }) | None => {}
        }
        check_auth(self.request.auth)
    }

    fn all_fields(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let fields = self.request.fields;
        (0..).map_while(move |nth| fields.field(nth))
    }

    /// The fields that are sent on this hop.
    fn fields(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let (foreign, rewritten) = (self.foreign, self.rewritten);
        self.all_fields().filter(move |field| {
            let secret = foreign && is_one_of(field.name, &OF_THE_ORIGIN);
            let of_body = rewritten
                && field
                    .name
                    .get(..8)
                    .is_some_and(|name| name.eq_ignore_ascii_case("content-"));
            !secret && !of_body
        })
    }

    fn has(&self, name: &str) -> bool {
        self.fields()
            .any(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// The method of this hop.
    #[must_use]
    pub fn method(&self) -> &'a str {
        if self.rewritten && self.request.method != "HEAD" {
            "GET"
        } else {
            self.request.method
        }
    }

    /// The body of this hop.
    #[must_use]
    pub const fn body(&self) -> Body<'a> {
        if self.rewritten {
            Body::None
        } else {
            self.request.body
        }
    }

    /// Writes the head (RFC 9112 §3, §5).
    pub fn render(&self, render: &mut Render<'_>) {
        render.put(self.method().as_bytes());
        render.put(b" ");
        self.url.render_target(render);
        render.put(b" HTTP/1.1\r\n");
        if !self.has("Host") {
            render.put(b"Host: ");
            self.url.render_host(render);
            render.put(b"\r\n");
        }
        self.render_auth(render);
        for field in self.fields() {
            render.put(field.name.as_bytes());
            render.put(if field.value.is_empty() { b":" } else { b": " });
            render.put(field.value.as_bytes());
            render.put(b"\r\n");
        }
        self.render_range(render);
        self.render_framing(render);
        if self.expect {
            render.put(b"Expect: 100-continue\r\n");
        }
        if self.close && !self.has("Connection") {
            render.put(b"Connection: close\r\n");
        }
        render.put(b"\r\n");
    }

    fn render_auth(&self, render: &mut Render<'_>) {
        if self.foreign || self.has("Authorization") {
            return;
        }
        match self.request.auth {
            Auth::Bearer(token) => {
                render.put(b"Authorization: Bearer ");
                render.put(token.as_bytes());
                render.put(b"\r\n");
            }
            Auth::Basic { user, password } => render_basic(render, user.bytes(), password.bytes()),
            Auth::None => {
                if let Some((user, password)) = self.url.credentials() {
                    render_basic(render, user, password);
                }
            }
        }
    }

    fn render_range(&self, render: &mut Render<'_>) {
        match self.request.range {
            Some(Range::Spec(spec)) => {
                render.put(b"Range: bytes=");
                render.put(spec.as_bytes());
                render.put(b"\r\n");
            }
            Some(Range::Resume { from, validator }) if from > 0 => {
                render.put(b"Range: bytes=");
                render.put_decimal(from);
                render.put(b"-\r\n");
                if let Some(validator) = validator {
                    render.put(b"If-Range: ");
                    render.put(validator.as_bytes());
                    render.put(b"\r\n");
                }
            }
            Some(Range::Resume { .. }) | None => {}
        }
    }

    /// RFC 9110 §8.6: a method that usually has a body says so when it has none.
    fn render_framing(&self, render: &mut Render<'_>) {
        let length = match self.body() {
            Body::None if matches!(self.method(), "POST" | "PUT" | "PATCH") => Some(0),
            Body::None => return,
            Body::Bytes(bytes) => Some(bytes.len() as u64),
            Body::Stream { length } => length,
        };
        match length {
            Some(length) => {
                render.put(b"Content-Length: ");
                render.put_decimal(length);
                render.put(b"\r\n");
            }
            None => render.put(b"Transfer-Encoding: chunked\r\n"),
        }
    }
}

/// RFC 7617 §2.
fn render_basic(
    render: &mut Render<'_>,
    user: impl Iterator<Item = u8>,
    password: impl Iterator<Item = u8>,
) {
    render.put(b"Authorization: Basic ");
    render.put_base64(user.chain([b':']).chain(password));
    render.put(b"\r\n");
}

fn check_field(field: Field<'_>) -> Result<(), RequestError> {
    if !is_token(field.name.as_bytes()) {
        return Err(RequestError::FieldName);
    }
    if !is_field_value(field.value.as_bytes()) {
        return Err(RequestError::FieldValue);
    }
    if is_one_of(field.name, &RESERVED) {
        return Err(RequestError::FieldReserved);
    }
    Ok(())
}

fn check_auth(auth: Auth<'_>) -> Result<(), Error> {
    let plain = |text: &str| text.bytes().all(|byte| byte >= b' ' && byte != 0x7f);
    let good = match auth {
        Auth::None => true,
        Auth::Basic { user, password } => plain(user) && plain(password) && !user.contains(':'),
        Auth::Bearer(token) => {
            !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
        }
    };
    if good {
        Ok(())
    } else {
        Err(RequestError::Auth.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing<'a>(request: Request<'a>) -> Outgoing<'a> {
        Outgoing {
            request,
            url: Url::parse(request.url).unwrap(),
            foreign: false,
            rewritten: false,
            expect: false,
            close: false,
        }
    }

    fn rendered(outgoing: &Outgoing<'_>) -> std::string::String {
        let mut room = [0; 512];
        let mut render = Render::new(&mut room, 0);
        outgoing.render(&mut render);
        let length = render.written();
        core::str::from_utf8(&room[..length]).unwrap().into()
    }

    const SECRETS: [Field<'static>; 4] = [
        Field {
            name: "Authorization",
            value: "Digest x",
        },
        Field {
            name: "cookie",
            value: "a=b",
        },
        Field {
            name: "Content-Type",
            value: "text/plain",
        },
        Field {
            name: "X-Empty",
            value: "",
        },
    ];

    #[test]
    fn a_plain_get_is_two_lines() {
        let plain = outgoing(Request::get("http://A.test:8080?q#f"));
        assert_eq!(
            rendered(&plain),
            "GET /?q HTTP/1.1\r\nHost: a.test:8080\r\n\r\n"
        );
    }

    #[test]
    fn checklist_5_secrets_stay_with_their_origin() {
        let request = Request {
            fields: &SECRETS,
            auth: Auth::Basic {
                user: "u",
                password: "p",
            },
            ..Request::new("POST", "http://x:y@b.test/")
        };
        let home = rendered(&outgoing(request));
        assert!(home.contains("Authorization: Digest x") && home.contains("cookie: a=b"));
        assert!(!home.contains("Basic"), "{home}");
        let away = Outgoing {
            foreign: true,
            rewritten: true,
            ..outgoing(request)
        };
        assert_eq!(
            rendered(&away),
            "GET / HTTP/1.1\r\nHost: b.test\r\nX-Empty:\r\n\r\n"
        );
    }

    #[test]
    fn credentials_in_the_url_are_sent_as_basic() {
        let head = rendered(&outgoing(Request::get("http://u:p%40@b.test/")));
        assert!(head.contains("Authorization: Basic dTpwQA==\r\n"), "{head}");
    }

    #[test]
    fn checklist_12_line_ends_and_reserved_fields_are_refused() {
        let check = |name, value| {
            let fields = [Field { name, value }];
            outgoing(Request {
                fields: &fields,
                ..Request::get("http://a/")
            })
            .check()
        };
        assert_eq!(check("A", "b"), Ok(()));
        for value in ["a\r\nB: c", "a\nb", "a\0", "\r"] {
            assert_eq!(check("A", value), Err(RequestError::FieldValue.into()));
        }
        for name in ["", "a b", "a:", "a\r\n", "\u{e9}"] {
            assert_eq!(check(name, "x"), Err(RequestError::FieldName.into()));
        }
        for name in ["content-length", "Transfer-Encoding", "expect"] {
            assert_eq!(check(name, "x"), Err(RequestError::FieldReserved.into()));
        }
        let method = outgoing(Request::new("GET /x", "http://a/")).check();
        assert_eq!(method, Err(RequestError::Method.into()));
    }
}
