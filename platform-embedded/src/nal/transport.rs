//! The streams of a stack.

use embedded_nal::TcpClientStack;
use muxfer_core::ConnId;
use muxfer_core::net::{IoError, Nb, Stall};
use muxfer_core::platform::{Lent, Target, Transport};

use super::Nal;

impl<S: TcpClientStack, const CONNS: usize, const ORIGINS: usize> Transport
    for Nal<'_, S, CONNS, ORIGINS>
{
    fn open(&mut self, conn: ConnId, target: &Target<'_>) -> Result<(), IoError> {
        // A place that is taken is one too few as well.
        if !matches!(self.places.get(conn.index()), Some(None)) {
            return Err(IoError::NoDescriptors);
        }
        // What a stack has too few of is sockets.
        let socket = self.stack.socket().map_err(|_| IoError::NoDescriptors)?;
        let line = self.enter(conn, socket, target.address);
        match line.ok_or(IoError::NoDescriptors)?.connect() {
            Ok(()) | Err(Stall::WouldBlock) => Ok(()),
            Err(Stall::Failed(error)) => {
                self.close(conn);
                Err(error)
            }
        }
    }

    fn opened(&mut self, conn: ConnId) -> Nb<()> {
        self.line(conn)?.connect()
    }

    fn fill(&mut self, conn: ConnId, at_most: usize) -> Nb<Lent<'_>> {
        self.line(conn)?.lend(at_most)
    }

    fn consume(&mut self, conn: ConnId, n: usize) {
        if let Ok(mut line) = self.line(conn) {
            line.consume(n);
        }
    }

    fn reserve(&mut self, conn: ConnId) -> Nb<&mut [u8]> {
        self.line(conn)?.room()
    }

    fn commit(&mut self, conn: ConnId, n: usize) -> Result<(), IoError> {
        self.line(conn)?.commit(n)
    }

    fn flush(&mut self, conn: ConnId) -> Nb<()> {
        self.line(conn)?.send()
    }

    fn close(&mut self, conn: ConnId) {
        let place = self.places.get_mut(conn.index());
        let closed = place.and_then(|place| place.take_if(|place| place.id == conn));
        if let Some(closed) = closed {
            // It is gone, whatever the stack says of it.
            drop(self.stack.close(closed.socket));
        }
    }
}
