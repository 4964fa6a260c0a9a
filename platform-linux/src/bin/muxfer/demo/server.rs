//! The server of the demo: a thread for each connection, kept alive, on loopback.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use super::content::Content;

/// The size of a chunk.
const CHUNK: usize = 4_000;

/// Starts it and gives its port. Its threads end with the process.
pub(super) fn start() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    thread::Builder::new()
        .name("server".to_string())
        .spawn(move || {
            for stream in listener.incoming().flatten() {
                let serve = move || {
                    // A client that goes away ends its thread; there is nobody to tell.
                    let _ = serve(&stream);
                };
                if thread::Builder::new()
                    .stack_size(256 * 1024)
                    .spawn(serve)
                    .is_err()
                {
                    return;
                }
            }
        })?;
    Ok(port)
}

fn serve(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut input, mut output, mut line) = (BufReader::new(stream), stream, String::new());
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let answer = answer(&line);
        while line != "\r\n" {
            line.clear();
            if input.read_line(&mut line)? == 0 {
                return Ok(());
            }
        }
        output.write_all(&answer)?;
    }
}

/// The answer to `GET /FORM/NUMBER/LENGTH HTTP/1.1`.
fn answer(request_line: &str) -> Vec<u8> {
    let path = request_line.split(' ').nth(1).unwrap_or("");
    let mut parts = path.split('/').skip(1);
    let form = parts.next();
    let (number, length) = (parts.next().and_then(number), parts.next().and_then(number));
    let (Some(form), Some(number), Some(length)) = (form, number, length) else {
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec();
    };
    let body: Vec<u8> = Content::new(number, length).collect();
    if form != "chunked" {
        let mut answer =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        answer.extend_from_slice(&body);
        return answer;
    }
    let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(CHUNK) {
        answer.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        answer.extend_from_slice(chunk);
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(b"0\r\n\r\n");
    answer
}

fn number(text: &str) -> Option<usize> {
    text.parse().ok()
}
