//! A stack that makes everything hard.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use embedded_nal::{AddrType, Dns, TcpClientStack, nb};

/// How many sockets there may be at once, whatever the engine thinks.
const MOST_SOCKETS: usize = 3;
/// How often a connect and a look-up have to be asked for before they end.
const HESITATES: usize = 3;

/// A send of so many bytes is taken whole: the laws count on that.
const SMALL: usize = 16;

/// Another stack, with few sockets, whose connects and look-ups take their time, that takes only a part
/// of what is to be sent, or nothing, that has nothing to receive every other time, and that looks up
/// one name at a time. All names below `test` are this machine. Who receives behind the end is at fault.
#[derive(Debug)]
pub struct Stingy<S> {
    stack: S,
    sockets: usize,
    /// Where the dice lie.
    dice: u32,
    /// The name that is being looked up, and how often it was asked for.
    name: Option<(String, usize)>,
}

/// A socket that hesitates.
#[derive(Debug)]
pub struct Slow<T> {
    socket: T,
    asked: usize,
    ended: bool,
}

impl<S> Stingy<S> {
    /// This stack, made hard.
    pub const fn new(stack: S) -> Self {
        Self {
            stack,
            sockets: 0,
            dice: 1,
            name: None,
        }
    }

    /// How many sockets are open.
    pub const fn sockets(&self) -> usize {
        self.sockets
    }

    /// Is it one of the calls that get nothing? About every other, the same ones in each run.
    const fn is_shy(&mut self) -> bool {
        // Marsaglia's xorshift.
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 17;
        self.dice ^= self.dice << 5;
        self.dice.is_multiple_of(2)
    }
}

impl<S: TcpClientStack> TcpClientStack for Stingy<S> {
    type TcpSocket = Slow<S::TcpSocket>;
    // There must be one for "no sockets", and only the stack can make its own.
    type Error = StingyError<S::Error>;

    fn socket(&mut self) -> Result<Self::TcpSocket, Self::Error> {
        if self.sockets == MOST_SOCKETS {
            return Err(StingyError(None));
        }
        let socket = self.stack.socket().map_err(StingyError::of)?;
        self.sockets += 1;
        Ok(Slow {
            socket,
            asked: 0,
            ended: false,
        })
    }

    fn connect(
        &mut self,
        slow: &mut Self::TcpSocket,
        remote: SocketAddr,
    ) -> nb::Result<(), Self::Error> {
        slow.asked += 1;
        if slow.asked < HESITATES {
            return Err(nb::Error::WouldBlock);
        }
        let connected = self.stack.connect(&mut slow.socket, remote);
        connected.map_err(|error| error.map(StingyError::of))
    }

    fn send(&mut self, slow: &mut Self::TcpSocket, bytes: &[u8]) -> nb::Result<usize, Self::Error> {
        let large = bytes.len() > SMALL;
        if large && self.is_shy() {
            return Err(nb::Error::WouldBlock);
        }
        let most = if large { bytes.len() / 3 } else { SMALL };
        let part = &bytes[..most.min(bytes.len())];
        let sent = self.stack.send(&mut slow.socket, part);
        sent.map_err(|error| error.map(StingyError::of))
    }

    fn receive(
        &mut self,
        slow: &mut Self::TcpSocket,
        into: &mut [u8],
    ) -> nb::Result<usize, Self::Error> {
        if self.is_shy() {
            return Err(nb::Error::WouldBlock);
        }
        assert!(!slow.ended, "a receive behind the end");
        let received = self.stack.receive(&mut slow.socket, into);
        slow.ended = !matches!(received, Ok(1..) | Err(nb::Error::WouldBlock));
        received.map_err(|error| error.map(StingyError::of))
    }

    fn close(&mut self, slow: Self::TcpSocket) -> Result<(), Self::Error> {
        self.sockets -= 1;
        self.stack.close(slow.socket).map_err(StingyError::of)
    }
}

impl<S: Dns> Dns for Stingy<S> {
    type Error = S::Error;

    fn get_host_by_name(
        &mut self,
        host: &str,
        family: AddrType,
    ) -> nb::Result<IpAddr, Self::Error> {
        let (name, asked) = self.name.get_or_insert_with(|| (host.to_owned(), 0));
        assert_eq!(name, host, "another name before the first was found");
        *asked += 1;
        if *asked < HESITATES {
            return Err(nb::Error::WouldBlock);
        }
        self.name = None;
        if host.ends_with(".test") {
            return Ok(Ipv4Addr::LOCALHOST.into());
        }
        self.stack.get_host_by_name(host, family)
    }

    fn get_host_by_address(
        &mut self,
        address: IpAddr,
        into: &mut [u8],
    ) -> nb::Result<usize, Self::Error> {
        self.stack.get_host_by_address(address, into)
    }
}

/// An error of the stack behind it, or `None`: there is no socket.
#[derive(Debug)]
pub struct StingyError<E>(pub Option<E>);

impl<E> StingyError<E> {
    const fn of(error: E) -> Self {
        Self(Some(error))
    }
}

impl<E: embedded_nal::TcpError> embedded_nal::TcpError for StingyError<E> {
    fn kind(&self) -> embedded_nal::TcpErrorKind {
        let kind = self.0.as_ref().map(embedded_nal::TcpError::kind);
        kind.unwrap_or(embedded_nal::TcpErrorKind::Other)
    }
}
