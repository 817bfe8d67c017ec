//! One connection to one server, on which requests are sent without waiting for earlier answers.
//!
//! It never tries anything again, because a record that was sent may have been taken. It is given up when the server
//! owes an answer and nothing has come for as long as its patience lasts, whatever the kernel still hopes for.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, Pipeline, RedisConnectionInfo, Value};
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

use crate::error::Failure;
use crate::tls::Tls;
use crate::transport::{Address, Pulse, Watched};

/// A connection, closed when this is dropped. As a future, it is ready when the server has closed it.
#[derive(Debug)]
pub(crate) struct Connection {
    address: Address,
    link: Link,
    task: AbortOnDropHandle<()>,
}

/// What requests are sent by.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    connection: MultiplexedConnection,
    pulse: Arc<Pulse>,
    patience: Duration,
}

impl Connection {
    /// Connects and says who this is.
    pub(crate) async fn open(
        address: &Address,
        tls: Option<&Tls>,
        settings: &RedisConnectionInfo,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let opening = async {
            let unreachable = |error| Failure::Unreachable(address.to_string(), Arc::new(error));
            let stream = address.open(tls).await.map_err(unreachable)?;
            let pulse = Pulse::new();
            let watched = Watched { stream, pulse: Arc::clone(&pulse) };
            // How long an answer may take is decided by the pulse.
            let config = AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
            let (connection, driver) = MultiplexedConnection::new_with_config(settings, watched, config).await?;
            let task = AbortOnDropHandle::new(tokio::spawn(driver));
            Ok(Self { address: address.clone(), link: Link { connection, pulse, patience }, task })
        };
        // Short enough that a link that drops packets is found again within two seconds of its return.
        let limit = patience * 2 / 3;
        let slow = |_| Failure::Slow(address.to_string(), limit);
        tokio::time::timeout(limit, opening).await.map_err(slow)?
    }

    /// Where it leads.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// What requests are sent by.
    pub(crate) fn link(&self) -> &Link {
        &self.link
    }
}

impl Future for Connection {
    type Output = Result<(), JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.task).poll(cx)
    }
}

impl Link {
    /// For how many milliseconds a request may ask the server to wait before it answers with nothing.
    pub(crate) fn block_ms(&self) -> u64 {
        self.patience.as_millis() as u64 / 2
    }

    /// Sends a command and gives what is answered, which may be an error.
    pub(crate) async fn request(&self, command: &Cmd) -> Result<Value, Failure> {
        let bytes = command.args_iter().map(|arg| if let redis::Arg::Simple(arg) = arg { arg.len() } else { 0 }).sum();
        let mut connection = self.connection.clone();
        let answer = self.heard(bytes, async move { connection.send_packed_command(command).await }).await?;
        Ok(answer.extract_error()?)
    }

    /// Sends commands at once and gives what is answered to each, which may be an error.
    pub(crate) async fn request_all(&self, commands: &Pipeline) -> Result<Vec<Value>, Failure> {
        let mut connection = self.connection.clone();
        let answers = async move { connection.send_packed_commands(commands, 0, commands.len()).await };
        self.heard(0, answers).await
    }

    async fn heard<T>(
        &self,
        bytes: usize,
        answer: impl Future<Output = Result<T, redis::RedisError>>,
    ) -> Result<T, Failure> {
        let _waiting = self.pulse.wait(bytes);
        tokio::select! {
            answer = answer => Ok(answer?),
            () = self.pulse.silence(self.patience) => Err(Failure::Silent(self.patience)),
        }
    }
}
