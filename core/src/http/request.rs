//! The head of a request: what may be sent, and what is sent to whom (RFC 9110 §6, RFC 9112 §3).

use crate::easy::{Auth, Body, Field, Range, Request};
use crate::error::{Error, RequestError};
use crate::features::{AUTH, FIELDS, Feature, RANGES, REDIRECTS, REUSE, SMALL, UPLOADS};
use crate::wire::{Render, Url, is_field_value, is_name, is_range_spec, is_same, is_token, list};

/// The most fields that a request may have.
pub(crate) const MAX_FIELDS: usize = 256;

/// A request on its way to one URL: the first, or the one that a redirect led to.
#[derive(Clone, Copy)]
pub struct Outgoing<'a> {
    /// What the transfer asks for.
    pub request: Request<'a>,
    /// Where this one goes.
    pub url: Url<'a>,
    /// A redirect has left the origin that the transfer began with, at any hop: what was meant for
    /// that origin alone is left out.
    pub foreign: bool,
    /// A redirect has made a GET of it: the body and the fields about it are left out.
    pub rewritten: bool,
    /// The peer is asked before a body is sent (RFC 9110 §10.1.1). Nothing is asked without a body.
    pub expect: bool,
    /// The connection is not kept, and the peer is told so.
    pub close: bool,
}

impl<'a> Outgoing<'a> {
    /// The first request of a transfer.
    #[must_use]
    pub const fn new(request: Request<'a>, url: Url<'a>) -> Self {
        Self {
            request,
            url,
            foreign: false,
            rewritten: false,
            expect: false,
            close: false,
        }
    }

    /// Can it be sent as it is? [`Outgoing::render`] relies on it: no text of the user can then end
    /// a line or change the framing.
    ///
    /// # Errors
    /// [`Error::BadRequest`], with what is wrong first.
    pub fn check(&self) -> Result<(), Error> {
        check_method(self.request.method)?;
        if FIELDS {
            self.check_fields()?;
        }
        if AUTH {
            check_auth(&self.request.auth)?;
        }
        if RANGES {
            check_range(self.request.range.as_ref())?;
        }
        self.left_out()
            .map_or(Ok(()), |what| Err(Error::LeftOut(what)))
    }

    /// The method that is sent. A redirect makes a GET of all but HEAD (RFC 9110 §15.4).
    #[must_use]
    pub fn method(&self) -> &'a str {
        if REDIRECTS && self.rewritten && self.request.method != "HEAD" {
            "GET"
        } else {
            self.request.method
        }
    }

    /// The body that is sent.
    #[must_use]
    pub const fn body(&self) -> Body<'a> {
        if !UPLOADS || self.rewritten {
            Body::None
        } else {
            self.request.body
        }
    }

    /// Writes the head, with the empty line behind it. The text is the same each time. Answers
    /// whether it asks that the connection is closed afterwards (RFC 9112 §9.6).
    pub fn render(&self, render: &mut Render<'_>) -> bool {
        let own = self.own();
        self.render_line(render);
        self.render_host(render, &own);
        self.render_auth(render, &own);
        for field in self.fields() {
            if self.is_sent(Kind::of(field.name)) {
                put_field(render, field.name, field.value.as_bytes());
            }
        }
        self.render_range(render);
        self.render_framing(render);
        if UPLOADS && self.expect && self.body() != Body::None {
            render.put(b"Expect: 100-continue\r\n");
        }
        let close = !REUSE || self.close;
        if close && !own.connection {
            render.put(b"Connection: close\r\n");
        }
        render.put(b"\r\n");
        close || (own.connection && asks_close(&self.request))
    }

    /// What it asks for that was left out of the engine.
    fn left_out(&self) -> Option<Feature> {
        let Request {
            fields,
            body,
            auth,
            range,
            ..
        } = &self.request;
        if !UPLOADS && !matches!(body, Body::None) {
            Some(Feature::Uploads)
        } else if !FIELDS && fields.field(0).is_some() {
            Some(Feature::Fields)
        } else if !AUTH && !matches!(auth, Auth::None) {
            Some(Feature::Auth)
        } else if !RANGES && range.is_some() {
            Some(Feature::Ranges)
        } else {
            None
        }
    }

    fn fields(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        fields(&self.request)
    }

    /// Looks at the user's fields for those that stand for one of the engine.
    fn own(&self) -> Own<'a> {
        let mut own = Own::default();
        for field in self.fields() {
            match Kind::of(field.name) {
                Kind::Host if own.host.is_none() => own.host = Some(field.value),
                Kind::Authorization => own.authorization = true,
                Kind::Connection => own.connection = true,
                Kind::Host
                | Kind::Content
                | Kind::Range
                | Kind::Reserved
                | Kind::Secret
                | Kind::Other => {}
            }
        }
        own
    }

    /// Is a field of the user sent in its place? `Host` has a place of its own.
    const fn is_sent(&self, kind: Kind) -> bool {
        match kind {
            Kind::Authorization | Kind::Secret => !self.foreign,
            Kind::Content => !self.rewritten,
            Kind::Host | Kind::Reserved => false,
            Kind::Connection | Kind::Range | Kind::Other => true,
        }
    }

    fn check_fields(&self) -> Result<(), RequestError> {
        if self.request.fields.field(MAX_FIELDS).is_some() {
            return Err(RequestError::TooManyFields);
        }
        let mut hosts = 0;
        for field in self.fields() {
            if !is_token(field.name.as_bytes()) {
                return Err(RequestError::FieldName);
            }
            if !is_field_value(field.value.as_bytes()) {
                return Err(RequestError::FieldValue);
            }
            let kind = Kind::of(field.name);
            hosts += usize::from(kind == Kind::Host);
            // Two of them would contradict each other, or be refused (RFC 9112 §3.2).
            let is_double = hosts > 1 || (kind == Kind::Range && self.request.range.is_some());
            if kind == Kind::Reserved || is_double {
                return Err(RequestError::FieldReserved);
            }
        }
        Ok(())
    }

    /// The request line but for its end, which is written with what follows.
    fn render_line(&self, render: &mut Render<'_>) {
        render.put(self.method().as_bytes());
        render.put(b" ");
        self.url.render_target(render);
    }

    /// RFC 9112 §3.2. The user's own stands for the first origin only.
    fn render_host(&self, render: &mut Render<'_>, own: &Own<'_>) {
        match own.host {
            Some("") if !self.foreign => render.put(b" HTTP/1.1\r\nHost:"),
            Some(host) if !self.foreign => {
                render.put(b" HTTP/1.1\r\nHost: ");
                render.put(host.as_bytes());
            }
            Some(_) | None => {
                render.put(b" HTTP/1.1\r\nHost: ");
                self.url.render_host(render);
            }
        }
        render.put(b"\r\n");
    }

    fn render_auth(&self, render: &mut Render<'_>, own: &Own<'_>) {
        if !AUTH || self.foreign || own.authorization {
            return;
        }
        match self.request.auth {
            Auth::Basic { user, password } => put_basic(render, user.bytes(), password.bytes()),
            Auth::Bearer(token) => {
                render.put(b"Authorization: Bearer ");
                render.put(token.as_bytes());
                render.put(b"\r\n");
            }
            Auth::None => {
                if let Some((user, password)) = self.url.credentials() {
                    put_basic(render, user, password);
                }
            }
        }
    }

    fn render_range(&self, render: &mut Render<'_>) {
        match self.request.range {
            _ if !RANGES => {}
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
                    put_field(render, "If-Range", validator.as_bytes());
                }
            }
            Some(Range::Resume { .. }) | None => {}
        }
    }

    /// RFC 9112 §6, RFC 9110 §8.6: a method that is about a body says so even if there is none.
    fn render_framing(&self, render: &mut Render<'_>) {
        let length = match self.body() {
            Body::None if matches!(self.method(), "POST" | "PUT" | "PATCH") => {
                return render.put(b"Content-Length: 0\r\n");
            }
            Body::None => return,
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::Stream { length: Some(n) } => n,
            Body::Stream { length: None } => {
                return render.put(b"Transfer-Encoding: chunked\r\n");
            }
        };
        render.put(b"Content-Length: ");
        render.put_decimal(length);
        render.put(b"\r\n");
    }
}

/// Does the user ask for it with a field?
fn asks_close(request: &Request<'_>) -> bool {
    fields(request)
        .filter(|field| Kind::of(field.name) == Kind::Connection)
        .flat_map(|field| list(field.value.as_bytes()))
        .any(|option| is_same(option, b"close"))
}

/// The user's fields. The bound holds even if their list never ends.
fn fields<'a>(request: &Request<'a>) -> impl Iterator<Item = Field<'a>> + use<'a> {
    let fields = request.fields;
    (0..if FIELDS { MAX_FIELDS } else { 0 }).map_while(|nth| fields.field(nth))
}

/// Fields of the user that stand for one of the engine.
#[derive(Default)]
struct Own<'a> {
    /// The first `Host`.
    host: Option<&'a str>,
    authorization: bool,
    connection: bool,
}

/// What a field of the user is to the engine.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Credentials, which stand for those of the request.
    Authorization,
    /// Options of the connection.
    Connection,
    /// About the body.
    Content,
    /// The name of the origin.
    Host,
    /// A part of the whole.
    Range,
    /// The engine's own.
    Reserved,
    /// Meant for the first origin alone.
    Secret,
    /// None of these.
    Other,
}

impl Kind {
    #[cfg_attr(feature = "small", inline(never))]
    fn of(name: &str) -> Self {
        // Most names have a length that none of these has.
        let names: &[(&str, Self)] = match name.len() {
            _ if SMALL => KNOWN,
            4 => &[("Host", Self::Host)],
            5 => &[("Range", Self::Range)],
            6 => &[("Cookie", Self::Secret), ("Expect", Self::Reserved)],
            7 => &[("Cookie2", Self::Secret)],
            8 => &[("If-Range", Self::Range)],
            10 if is_name(name, "connection") => return Self::Connection,
            13 => &[("Authorization", Self::Authorization)],
            14 => &[("Content-Length", Self::Reserved)],
            17 => &[("Transfer-Encoding", Self::Reserved)],
            19 => &[("Proxy-Authorization", Self::Secret)],
            _ => &[],
        };
        let known = names
            .iter()
            .find(|(known, _)| is_same(known.as_bytes(), name.as_bytes()));
        match known {
            Some(&(_, kind)) => kind,
            None if begins_with_content(name) => Self::Content,
            None => Self::Other,
        }
    }
}

/// All names that are known.
const KNOWN: &[(&str, Kind)] = &[
    ("Host", Kind::Host),
    ("Range", Kind::Range),
    ("Cookie", Kind::Secret),
    ("Expect", Kind::Reserved),
    ("Cookie2", Kind::Secret),
    ("If-Range", Kind::Range),
    ("Connection", Kind::Connection),
    ("Authorization", Kind::Authorization),
    ("Content-Length", Kind::Reserved),
    ("Transfer-Encoding", Kind::Reserved),
    ("Proxy-Authorization", Kind::Secret),
];

fn begins_with_content(name: &str) -> bool {
    if SMALL {
        let start = name.as_bytes().get(..8);
        return start.is_some_and(|start| is_same(start, b"content-"));
    }
    name.get(..8)
        .is_some_and(|start| is_name(start, "content-"))
}

/// CONNECT is refused, too: its target is no path, and its answer has no body.
fn check_method(method: &str) -> Result<(), RequestError> {
    if is_token(method.as_bytes()) && method != "CONNECT" {
        Ok(())
    } else {
        Err(RequestError::Method)
    }
}

fn check_auth(auth: &Auth<'_>) -> Result<(), RequestError> {
    let has_control = |text: &str| text.bytes().any(|byte| byte.is_ascii_control());
    let is_sound = match auth {
        Auth::None => true,
        // RFC 7617 §2: the first colon parts them.
        Auth::Basic { user, password } => {
            !user.contains(':') && !has_control(user) && !has_control(password)
        }
        Auth::Bearer(token) => {
            !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
        }
    };
    is_sound.then_some(()).ok_or(RequestError::Auth)
}

fn check_range(range: Option<&Range<'_>>) -> Result<(), RequestError> {
    match range {
        Some(Range::Spec(spec)) if !is_range_spec(spec) => Err(RequestError::Range),
        Some(Range::Resume {
            validator: Some(validator),
            ..
        }) if validator.is_empty() || !is_field_value(validator.as_bytes()) => {
            Err(RequestError::FieldValue)
        }
        Some(Range::Spec(_) | Range::Resume { .. }) | None => Ok(()),
    }
}

fn put_field(render: &mut Render<'_>, name: &str, value: &[u8]) {
    render.put(name.as_bytes());
    render.put(if value.is_empty() { b":" } else { b": " });
    render.put(value);
    render.put(b"\r\n");
}

/// RFC 7617 §2.
fn put_basic(
    render: &mut Render<'_>,
    user: impl Iterator<Item = u8>,
    password: impl Iterator<Item = u8>,
) {
    render.put(b"Authorization: Basic ");
    render.put_base64(user.chain([b':']).chain(password));
    render.put(b"\r\n");
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::easy::Fields;
    use crate::wire::{check_line, find_line, parse_field};
    use std::format;
    use std::string::String;
    use std::vec;
    use std::vec::Vec;

    const fn field<'a>(name: &'a str, value: &'a str) -> Field<'a> {
        Field { name, value }
    }

    fn outgoing<'a>(request: Request<'a>) -> Outgoing<'a> {
        Outgoing::new(request, Url::parse(request.url).expect("a good URL"))
    }

    fn head(outgoing: &Outgoing<'_>) -> String {
        let mut out = vec![0; 4000];
        let mut render = Render::new(&mut out, 0);
        outgoing.render(&mut render);
        assert!(render.is_complete());
        let n = render.written();
        String::from_utf8(out[..n].to_vec()).expect("UTF-8")
    }

    fn refused(request: Request<'_>) -> Option<RequestError> {
        match outgoing(request).check() {
            Ok(()) => None,
            Err(Error::BadRequest(why)) => Some(why),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn refused_field(name: &str, value: &str) -> Option<RequestError> {
        let fields = [field(name, value)];
        let request = Request {
            fields: &fields,
            ..Request::get("http://a/")
        };
        refused(request)
    }

    #[test]
    fn a_plain_get_is_two_lines() {
        let plain = outgoing(Request::get("http://Example.com:8080/a?b#c"));
        assert_eq!(plain.check(), Ok(()));
        assert_eq!(
            head(&plain),
            "GET /a?b HTTP/1.1\r\nHost: example.com:8080\r\n\r\n"
        );
    }

    #[test]
    fn everything_has_its_place() {
        let fields = [field("X-A", "1"), field("x-a", ""), field("Accept", "*/*")];
        let request = Request {
            fields: &fields,
            body: Body::Bytes(b"hello"),
            auth: Auth::Basic {
                user: "Aladdin",
                password: "open sesame",
            },
            range: Some(Range::Resume {
                from: 7,
                validator: Some("\"tag\""),
            }),
            ..Request::new("POST", "http://a/\u{e4}")
        };
        let full = Outgoing {
            expect: true,
            close: true,
            ..outgoing(request)
        };
        assert_eq!(full.check(), Ok(()));
        let text = head(&full);
        assert_eq!(
            text,
            "POST /%C3%A4 HTTP/1.1\r\n\
             Host: a\r\n\
             Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\
             X-A: 1\r\n\
             x-a:\r\n\
             Accept: */*\r\n\
             Range: bytes=7-\r\n\
             If-Range: \"tag\"\r\n\
             Content-Length: 5\r\n\
             Expect: 100-continue\r\n\
             Connection: close\r\n\
             \r\n"
        );
        for window in 1..=text.len() {
            let mut again = Vec::new();
            while again.len() < text.len() {
                let mut out = vec![0; window];
                let mut render = Render::new(&mut out, again.len());
                full.render(&mut render);
                let n = render.written();
                again.extend_from_slice(&out[..n]);
            }
            assert_eq!(again, text.as_bytes());
        }
    }

    #[test]
    fn the_body_decides_the_framing() {
        let framing = |method, body| {
            let request = Request {
                body,
                ..Request::new(method, "http://a/")
            };
            let text = head(&outgoing(request));
            let start = text.find("Host: a\r\n").expect("a Host") + 9;
            String::from(&text[start..text.len() - 2])
        };
        let chunked = "Transfer-Encoding: chunked\r\n";
        for method in ["GET", "HEAD", "DELETE", "OPTIONS", "post"] {
            assert_eq!(framing(method, Body::None), "");
        }
        for method in ["POST", "PUT", "PATCH"] {
            assert_eq!(framing(method, Body::None), "Content-Length: 0\r\n");
            assert_eq!(framing(method, Body::Stream { length: None }), chunked);
        }
        assert_eq!(framing("GET", Body::Bytes(b"abc")), "Content-Length: 3\r\n");
        assert_eq!(framing("PUT", Body::Bytes(b"")), "Content-Length: 0\r\n");
        let longest = Body::Stream {
            length: Some(u64::MAX),
        };
        assert_eq!(
            framing("PUT", longest),
            "Content-Length: 18446744073709551615\r\n"
        );
    }

    #[test]
    fn nothing_is_expected_without_a_body() {
        let asking = Outgoing {
            expect: true,
            ..outgoing(Request::new("POST", "http://a/"))
        };
        assert!(!head(&asking).contains("Expect"));
        let rewritten = Outgoing {
            rewritten: true,
            request: Request {
                body: Body::Bytes(b"a"),
                ..asking.request
            },
            ..asking
        };
        assert!(!head(&rewritten).contains("Expect"));
    }

    #[test]
    fn a_range_that_starts_at_0_asks_for_the_whole() {
        let lines = |range| {
            let request = Request {
                range: Some(range),
                ..Request::get("http://a/")
            };
            let text = head(&outgoing(request));
            let start = text.find("Host: a\r\n").expect("a Host") + 9;
            String::from(&text[start..text.len() - 2])
        };
        let resume = |from, validator| Range::Resume { from, validator };
        assert_eq!(lines(Range::Spec("0-0,-1")), "Range: bytes=0-0,-1\r\n");
        assert_eq!(lines(resume(0, Some("\"a\""))), "");
        assert_eq!(lines(resume(1, None)), "Range: bytes=1-\r\n");
    }

    #[test]
    fn the_fields_of_the_user_replace_those_of_the_engine() {
        let fields = [
            field("authorization", "Digest x"),
            field("HOST", "b"),
            field("connection", "keep-alive"),
        ];
        let request = Request {
            fields: &fields,
            auth: Auth::Bearer("token"),
            ..Request::get("http://u:p@a/")
        };
        let replaced = Outgoing {
            close: true,
            ..outgoing(request)
        };
        assert_eq!(replaced.check(), Ok(()));
        assert_eq!(
            head(&replaced),
            "GET / HTTP/1.1\r\nHost: b\r\nauthorization: Digest x\r\nconnection: keep-alive\r\n\r\n"
        );
    }

    #[test]
    fn the_credentials_of_the_request_go_before_those_of_the_url() {
        let line = |auth, url| {
            let request = Request {
                auth,
                ..Request::get(url)
            };
            let text = head(&outgoing(request));
            let line = text.lines().find_map(|l| l.strip_prefix("Authorization: "));
            line.map(String::from)
        };
        let basic = |text| Some(format!("Basic {text}"));
        let bearer = Auth::Bearer("a.b-c");
        assert_eq!(line(Auth::None, "http://a/"), None);
        assert_eq!(line(Auth::None, "http://@a/"), None);
        assert_eq!(line(Auth::None, "http://u%40:%3ap@a/"), basic("dUA6OnA="));
        assert_eq!(line(Auth::None, "http://u@a/"), basic("dTo="));
        assert_eq!(line(bearer, "http://u:p@a/"), Some("Bearer a.b-c".into()));
    }

    #[test]
    fn checklist_5_secrets_do_not_leave_their_origin() {
        let fields = [
            field("Authorization", "sesame"),
            field("cookie", "sesame"),
            field("Cookie2", "sesame"),
            field("PROXY-AUTHORIZATION", "sesame"),
            field("Host", "sesame"),
            field("Accept", "*/*"),
        ];
        let text = "GET / HTTP/1.1\r\nHost: b\r\nAccept: */*\r\n\r\n";
        for auth in [
            Auth::None,
            Auth::Bearer("sesame"),
            Auth::Basic {
                user: "sesame",
                password: "sesame",
            },
        ] {
            let request = Request {
                fields: &fields,
                auth,
                ..Request::get("http://sesame:sesame@b/")
            };
            let foreign = Outgoing {
                foreign: true,
                ..outgoing(request)
            };
            assert_eq!(head(&foreign), text);
            let bare = Outgoing {
                request: Request {
                    fields: &fields[5..].first_chunk::<1>().copied().expect("one"),
                    ..request
                },
                ..foreign
            };
            assert_eq!(head(&bare), text);
        }
    }

    #[test]
    fn checklist_22_a_rewritten_request_has_no_body_and_no_fields_about_it() {
        let fields = [
            field("Content-Type", "text/plain"),
            field("content-encoding", "gzip"),
            field("Contents", "kept"),
            field("Cookie", "kept"),
        ];
        let request = Request {
            fields: &fields,
            body: Body::Stream { length: None },
            ..Request::new("POST", "http://a/")
        };
        let mut rewritten = Outgoing {
            rewritten: true,
            ..outgoing(request)
        };
        assert_eq!(rewritten.body(), Body::None);
        assert_eq!(
            head(&rewritten),
            "GET / HTTP/1.1\r\nHost: a\r\nContents: kept\r\nCookie: kept\r\n\r\n"
        );
        for (method, expected) in [("HEAD", "HEAD"), ("PUT", "GET"), ("GET", "GET")] {
            rewritten.request.method = method;
            assert_eq!(rewritten.method(), expected);
        }
    }

    #[test]
    fn checklist_12_no_text_of_the_user_ends_a_line() {
        for byte in (0..b' ').chain([0x7f]).filter(|&byte| byte != b'\t') {
            let bad = format!("a{}b", char::from(byte));
            assert_eq!(
                refused(Request::new(&bad, "http://a/")),
                Some(RequestError::Method)
            );
            assert_eq!(refused_field(&bad, "x"), Some(RequestError::FieldName));
            assert_eq!(refused_field("x", &bad), Some(RequestError::FieldValue));
            let get = Request::get("http://a/");
            for auth in [
                Auth::Bearer(&bad),
                Auth::Basic {
                    user: &bad,
                    password: "",
                },
                Auth::Basic {
                    user: "",
                    password: &bad,
                },
            ] {
                assert_eq!(refused(Request { auth, ..get }), Some(RequestError::Auth));
            }
            let range = |range| {
                refused(Request {
                    range: Some(range),
                    ..get
                })
            };
            assert_eq!(range(Range::Spec(&bad)), Some(RequestError::Range));
            let resume = Range::Resume {
                from: 1,
                validator: Some(&bad),
            };
            assert_eq!(range(resume), Some(RequestError::FieldValue));
            assert!(Url::parse(&format!("http://a/{bad}")).is_err());
        }
    }

    #[test]
    fn names_and_methods_are_tokens() {
        for bad in ["", "a b", "a:", "a\t", "G\u{c9}T", "a/b"] {
            assert_eq!(
                refused(Request::new(bad, "http://a/")),
                Some(RequestError::Method)
            );
            assert_eq!(refused_field(bad, "x"), Some(RequestError::FieldName));
        }
        assert_eq!(refused(Request::new("PROPFIND", "http://a/")), None);
        assert_eq!(
            refused(Request::new("CONNECT", "http://a/")),
            Some(RequestError::Method)
        );
        assert_eq!(refused_field("X", "\u{f6} \t"), None);
    }

    #[test]
    fn checklist_13_the_framing_is_not_for_the_user() {
        for name in [
            "Content-Length",
            "content-length",
            "TRANSFER-ENCODING",
            "Expect",
        ] {
            assert_eq!(refused_field(name, "5"), Some(RequestError::FieldReserved));
        }
    }

    #[test]
    fn a_field_that_would_stand_twice_is_refused() {
        let hosts = [field("Host", "a"), field("host", "b")];
        let get = Request::get("http://a/");
        let two = Request {
            fields: &hosts,
            ..get
        };
        assert_eq!(refused(two), Some(RequestError::FieldReserved));
        for name in ["Range", "If-Range"] {
            let fields = [field(name, "x")];
            let request = Request {
                fields: &fields,
                ..get
            };
            assert_eq!(refused(request), None);
            let range = Some(Range::Spec("0-"));
            let request = Request { range, ..request };
            assert_eq!(refused(request), Some(RequestError::FieldReserved));
        }
    }

    #[test]
    fn a_list_of_fields_that_never_ends_is_refused() {
        struct Endless;
        impl Fields for Endless {
            fn field(&self, _nth: usize) -> Option<Field<'_>> {
                Some(field("a", "b"))
            }
        }
        let request = Request {
            fields: &Endless,
            ..Request::get("http://a/")
        };
        assert_eq!(refused(request), Some(RequestError::TooManyFields));
        assert!(!asks_close(&request));
    }

    #[test]
    fn credentials_can_be_parted_again() {
        let get = Request::get("http://a/");
        let basic = |user, password| Auth::Basic { user, password };
        for (auth, expected) in [
            (basic("a:b", "c"), Some(RequestError::Auth)),
            (basic("a", "b:c"), None),
            (basic("", ""), None),
            (basic("\u{f6}", "\u{20ac}"), None),
            (Auth::Bearer(""), Some(RequestError::Auth)),
            (Auth::Bearer("a b"), Some(RequestError::Auth)),
            (Auth::Bearer("\u{f6}"), Some(RequestError::Auth)),
            (Auth::Bearer("a~+/="), None),
        ] {
            assert_eq!(refused(Request { auth, ..get }), expected, "{auth:?}");
        }
    }

    #[test]
    fn a_close_that_the_user_asks_for_is_seen() {
        for (name, value, expected) in [
            ("Connection", "close", true),
            ("connection", "x, CLOSE", true),
            ("Connection", "keep-alive", false),
            ("Connection", "closed", false),
            ("Connection", "\"close\"", false),
            ("X", "close", false),
        ] {
            let fields = [field(name, value)];
            let asking = Outgoing {
                close: true,
                ..outgoing(Request {
                    fields: &fields,
                    ..Request::get("http://a/")
                })
            };
            assert_eq!(asks_close(&asking.request), expected, "{name}: {value}");
            let only_asking = Outgoing {
                close: false,
                ..asking
            };
            assert_eq!(only_asking.render(&mut Render::new(&mut [], 0)), expected);
            let ours = head(&asking).matches("Connection: close\r\n").count();
            assert_eq!(ours, usize::from(name == "X" || value == "close"));
        }
    }

    #[test]
    fn what_passes_the_check_is_read_back_as_it_was_meant() {
        let mut seed = 0x0bad_cafe_dead_beef_u64;
        let mut random = move |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed >> 33).expect("31 bits") % below
        };
        let parts = [
            "a",
            "X-Y",
            "Host",
            "Cookie",
            ":",
            " ",
            "\t",
            "\r\n",
            "\n",
            "\0",
            "\u{f6}",
            "close",
            "",
            "Content-Type",
            "1",
            ",",
        ];
        let mut passed = 0;
        for _ in 0..5_000 {
            let mut text = || format!("{}{}", parts[random(16)], parts[random(16)]);
            let texts = [text(), text(), text(), text()];
            let fields = [field(&texts[0], &texts[1]), field(&texts[2], &texts[3])];
            let request = Request {
                fields: &fields,
                ..Request::get("http://a/")
            };
            let checked = outgoing(request);
            if checked.check().is_err() {
                continue;
            }
            passed += 1;
            let text = head(&checked);
            let mut rest = text.as_bytes();
            let mut lines = 0;
            while let Some((line, consumed)) = find_line(rest) {
                assert_eq!(check_line(line), Ok(()));
                rest = &rest[consumed..];
                if line.is_empty() {
                    break;
                }
                assert!(lines == 0 || parse_field(line).is_ok(), "{text:?}");
                lines += 1;
            }
            let hosts = fields
                .iter()
                .filter(|f| f.name.eq_ignore_ascii_case("host"));
            assert_eq!((rest, lines), (&b""[..], 4 - hosts.count()), "{text:?}");
        }
        assert!(passed > 50, "{passed}");
    }
}
