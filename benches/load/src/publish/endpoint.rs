//! One request for all events.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{Context as _, Result, anyhow, bail};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use ssehub_order::{Order, Receivers};

use super::To;
use crate::connect::{Ask, request};
use crate::response::Response;

/// The request, until it is answered.
#[derive(Debug)]
pub(crate) struct Endpoint {
    socket: OwnedFd,
    response: Response,
    body: Vec<u8>,
}

impl Endpoint {
    pub(super) fn start(server: SocketAddr, nth: u64, order: &Order<To>) -> Result<Self> {
        let socket = request(server, nth, Ask::Publish { path: &path(order) }).context("publish")?;
        Ok(Self { socket, response: Response::default(), body: Vec::new() })
    }

    /// Reads what has come of the answer; `true` once it is there and says that all is published.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<bool> {
        let length = match recv(&self.socket, &mut *buffer, RecvFlags::DONTWAIT) {
            Ok((length, _)) => length,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(false),
            Err(error) => return Err(anyhow!(error).context("publish")),
        };
        let bytes = buffer.get(..length).unwrap_or_default();
        let taken = self.response.take(bytes, |content| self.body.extend_from_slice(content));
        taken.map_err(|error| anyhow!("publish: {error}"))?;
        if length > 0 && !self.response.has_ended() {
            return Ok(false);
        }
        match self.response.status() {
            Some(200) => Ok(true),
            Some(status) => bail!("publish: status {status}: {}", String::from_utf8_lossy(&self.body).trim()),
            None => bail!("publish: the connection ended without an answer"),
        }
    }
}

impl AsFd for Endpoint {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn path(order: &Order<To>) -> String {
    let Order { receivers, count, size, rate } = order;
    let receivers = match receivers {
        Receivers::Same(to) => format!("&to={}", to.name()),
        Receivers::Users(users) => format!("&users={users}"),
        Receivers::Groups(groups) => format!("&groups={groups}"),
    };
    let rate = rate.map(|rate| format!("&rate={rate}")).unwrap_or_default();
    format!("/publish?count={count}&size={size}{receivers}{rate}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_told_the_whole_order() {
        let order = Order { receivers: Receivers::Same(To::All), count: 5, size: 96, rate: None };
        let told = |receivers, rate| path(&Order { receivers, rate, ..order.clone() });
        assert_eq!(path(&order), "/publish?count=5&size=96&to=all");
        assert_eq!(told(Receivers::Same(To::Nobody), None), "/publish?count=5&size=96&to=user:nobody");
        assert_eq!(told(Receivers::Users(3), Some(0.5)), "/publish?count=5&size=96&users=3&rate=0.5");
        assert_eq!(told(Receivers::Groups(3), None), "/publish?count=5&size=96&groups=3");
    }
}
