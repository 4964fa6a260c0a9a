"""What h11 makes of responses.

Reads one response a line, as `GET` or `HEAD`, a space and the bytes in hexadecimal, and answers each
with a line:

    whole CODE REASON END KEPT BODY FIELDS TRAILERS
    refused WHY
    short WHY

REASON, BODY and WHY are in hexadecimal, END counts bytes, KEPT is 0 or 1, and FIELDS and TRAILERS are
`name:value` pairs in hexadecimal, parted by commas. Nothing is `-`. A response is short if only the
end of the stream made it fail.
"""

import sys

import h11


def main():
    for line in sys.stdin:
        method, _, data = line.rstrip("\n").partition(" ")
        print(verdict(method, bytes.fromhex(data)), flush=True)


def verdict(method, data):
    # Its bound on a head is as wide as it can be: bounds are not what is compared.
    conn = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 30)
    conn.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    conn.send(h11.EndOfMessage())
    message = Message()
    closed = False
    try:
        conn.receive_data(data)
        message.read(conn)
    except h11.RemoteProtocolError as error:
        return "refused " + coded(str(error).encode())
    if message.trailers is None:
        try:
            closed = True
            conn.receive_data(b"")
            message.read(conn)
        except h11.RemoteProtocolError as error:
            return "short " + coded(str(error).encode())
        if message.trailers is None:
            return "short -"
    left = len(conn.trailing_data[0])
    kept = conn.their_state is h11.DONE and not closed
    return message.shown(len(data) - left, kept)


class Message:
    def __init__(self):
        self.head = None
        self.body = b""
        self.trailers = None

    def read(self, conn):
        """Takes events until the message is whole, or more bytes are needed."""
        while self.trailers is None:
            event = conn.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED:
                return
            if isinstance(event, h11.Response):
                self.head = event
            elif isinstance(event, h11.Data):
                self.body += event.data
            elif isinstance(event, h11.EndOfMessage):
                self.trailers = event.headers
            elif isinstance(event, h11.ConnectionClosed):
                return

    def shown(self, end, kept):
        head = self.head
        return " ".join(
            [
                "whole",
                str(head.status_code),
                coded(head.reason),
                str(end),
                str(int(kept)),
                coded(self.body),
                fields(head.headers),
                fields(self.trailers),
            ]
        )


def fields(headers):
    return ",".join(f"{name.hex()}:{value.hex()}" for name, value in headers) or "-"


def coded(text):
    return bytes(text).hex() or "-"


main()
