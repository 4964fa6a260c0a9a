//! The verdict of hyper's client on a whole response, over a wire in memory and without a runtime:
//! its futures are polled by hand, after each byte.

use std::cell::RefCell;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::Body;
use http_body_util::Empty;
use hyper::Request;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::rt::{Read, ReadBufCursor, Write};

use crate::corpus::Response;

use super::verdict::{Message, Verdict, sorted};

/// Its bound on fields is as wide as ours at the least: bounds are not what is compared.
const MAX_HEADERS: usize = 256;

/// Gives it one byte after the other, so that it shows where the message ends.
pub(super) fn verdict(response: &Response) -> Verdict {
    let wire = Wire::default();
    let mut client = match Client::new(wire.clone(), response.to_head) {
        Ok(client) => client,
        Err(error) => return Verdict::Refused(error.to_string()),
    };
    for (at, byte) in response.bytes.iter().enumerate() {
        wire.arrive(*byte);
        client.turn();
        if let Some(why) = &client.error {
            return Verdict::Refused(why.clone());
        }
        if client.whole {
            return client.message(at + 1);
        }
    }
    wire.close();
    client.turn();
    match &client.error {
        Some(why) => Verdict::Short(why.clone()),
        None if client.whole => client.message(response.bytes.len()),
        None => Verdict::Short("no end".to_owned()),
    }
}

type Answer = Pin<Box<dyn Future<Output = hyper::Result<hyper::Response<Incoming>>>>>;

/// A client that has asked, and what it was answered.
struct Client {
    sender: http1::SendRequest<Empty<Bytes>>,
    connection: Option<http1::Connection<Wire, Empty<Bytes>>>,
    answer: Option<Answer>,
    body: Option<Incoming>,
    message: Message,
    whole: bool,
    error: Option<String>,
}

impl Client {
    fn new(wire: Wire, to_head: bool) -> hyper::Result<Self> {
        let mut builder = http1::Builder::new();
        builder.max_headers(MAX_HEADERS);
        let mut handshake = pin!(builder.handshake(wire));
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(made) = handshake.as_mut().poll(&mut context) else {
            unreachable!("hyper says hello to nobody");
        };
        let (mut sender, connection) = made?;
        let method = if to_head { "HEAD" } else { "GET" };
        let request = Request::builder()
            .method(method)
            .uri("/")
            .header("Host", "a");
        let request = request.body(Empty::new()).expect("a sound request");
        let answer = Box::pin(sender.send_request(request));
        let mut client = Self {
            sender,
            connection: Some(connection),
            answer: Some(answer),
            body: None,
            message: Message::default(),
            whole: false,
            error: None,
        };
        client.turn();
        Ok(client)
    }

    /// Polls all of it until nothing moves. Its parts wake one another, so a round in which nothing
    /// moved is followed by a second one.
    fn turn(&mut self) {
        let mut still = 0;
        while still < 2 {
            let moved = self.poll();
            still = if moved { 0 } else { still + 1 };
        }
    }

    fn poll(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let mut moved = false;
        if let Some(connection) = &mut self.connection
            && let Poll::Ready(end) = Pin::new(connection).poll(&mut context)
        {
            self.connection = None;
            moved = true;
            if let Err(error) = end {
                self.fail(&error);
            }
        }
        if let Some(answer) = &mut self.answer
            && let Poll::Ready(answered) = answer.as_mut().poll(&mut context)
        {
            self.answer = None;
            moved = true;
            match answered {
                Ok(response) => self.head(response),
                Err(error) => self.fail(&error),
            }
        }
        if let Some(body) = &mut self.body
            && let Poll::Ready(frame) = Pin::new(body).poll_frame(&mut context)
        {
            moved = true;
            match frame {
                Some(Ok(frame)) => self.frame(frame),
                Some(Err(error)) => self.fail(&error),
                None => {
                    self.body = None;
                    self.whole = true;
                }
            }
        }
        moved
    }

    fn head(&mut self, response: hyper::Response<Incoming>) {
        self.message.code = response.status().as_u16();
        let fields = response.headers().iter();
        let fields = fields.map(|(name, value)| (name.as_str().into(), value.as_bytes().into()));
        self.message.fields = sorted(fields);
        self.message.body = Some(Vec::new());
        self.message.trailers = Some(Vec::new());
        self.body = Some(response.into_body());
    }

    fn frame(&mut self, frame: http_body::Frame<Bytes>) {
        match frame.into_data() {
            Ok(data) => {
                let body = self.message.body.get_or_insert_default();
                body.extend_from_slice(&data);
            }
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    let fields = trailers.iter();
                    self.message.trailers =
                        Some(sorted(fields.map(|(name, value)| {
                            (name.as_str().into(), value.as_bytes().into())
                        })));
                }
            }
        }
    }

    /// The first error counts.
    fn fail(&mut self, error: &dyn std::error::Error) {
        let cause = error.source().map(|cause| format!(": {cause}"));
        let text = format!("{error}{}", cause.unwrap_or_default());
        self.error.get_or_insert(text);
    }

    fn message(mut self, end: usize) -> Verdict {
        self.message.end = Some(end);
        self.message.kept = Some(self.connection.is_some() && self.sender.is_ready());
        Verdict::Whole(Box::new(self.message))
    }
}

/// A wire in memory. What is written to it is lost.
#[derive(Clone, Debug, Default)]
struct Wire(Rc<RefCell<Inbox>>);

#[derive(Debug, Default)]
struct Inbox {
    bytes: Vec<u8>,
    closed: bool,
}

impl Wire {
    fn arrive(&self, byte: u8) {
        self.0.borrow_mut().bytes.push(byte);
    }

    fn close(&self) {
        self.0.borrow_mut().closed = true;
    }
}

impl Read for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut inbox = self.0.borrow_mut();
        if inbox.bytes.is_empty() && !inbox.closed {
            return Poll::Pending;
        }
        let n = inbox.bytes.len().min(into.remaining());
        into.put_slice(&inbox.bytes[..n]);
        inbox.bytes.drain(..n);
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(from.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
