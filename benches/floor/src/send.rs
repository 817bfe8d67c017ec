//! Bytes into a socket, all of them, whatever it takes.

use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, Result};
use rustix::net::{SendFlags, send};

/// Sends all of `bytes`: one `send(2)` where the socket has room, else it waits until it has.
pub(crate) fn send_all(socket: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<()> {
    loop {
        match send(socket, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
            Ok(sent) => match bytes.get(sent..) {
                None | Some([]) => return Ok(()),
                Some(rest) => bytes = rest,
            },
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait(socket)?,
            Err(error) => return Err(error),
        }
    }
}

fn wait(socket: BorrowedFd<'_>) -> Result<()> {
    match poll(&mut [PollFd::from_borrowed_fd(socket, PollFlags::OUT)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn more_than_the_socket_holds_arrives_whole() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let bytes: Vec<u8> = (0..4_000_000_u32).map(|n| n as u8).collect();
        let expected = bytes.clone();
        let reader = std::thread::spawn(move || {
            let mut read = Vec::new();
            theirs.read_to_end(&mut read).map(|_| read)
        });
        send_all(ours.as_fd(), &bytes).unwrap();
        drop(ours);
        assert!(reader.join().unwrap().unwrap() == expected);
    }

    #[test]
    fn a_socket_whose_other_end_is_gone_is_an_error() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        assert_eq!(send_all(ours.as_fd(), b"x"), Err(Errno::PIPE));
    }
}
