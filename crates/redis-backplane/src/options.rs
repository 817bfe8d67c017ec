//! How a backplane is set up. Every number has its default and the reason for it here.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use redis::{ConnectionAddr, IntoConnectionInfo as _, ProtocolVersion, RedisConnectionInfo};

use crate::RedisBackplane;
use crate::error::RedisConnectError;
use crate::keys::Keys;
use crate::log::Log;
use crate::nodes::Nodes;
use crate::tls::Tls;
use crate::transport::Address;

/// The default of [`RedisBackplaneBuilder::hub`].
pub const DEFAULT_HUB: &str = "hub";

/// The default of [`RedisBackplaneBuilder::patience`]: a server that forks to write its snapshot is silent for less,
/// and a cut link is noticed within two seconds.
pub const DEFAULT_PATIENCE: Duration = Duration::from_millis(1500);

/// The shortest patience, as Redis looks at its clock ten times a second, and the longest.
const PATIENCE: std::ops::RangeInclusive<Duration> = Duration::from_millis(500)..=Duration::from_secs(60);

/// Sets up a [`RedisBackplane`].
#[derive(Clone)]
#[must_use]
pub struct RedisBackplaneBuilder {
    urls: Vec<String>,
    sentinels: Vec<String>,
    hub: String,
    patience: Duration,
    authorities: Option<PathBuf>,
    identity: Option<(PathBuf, PathBuf)>,
}

impl RedisBackplaneBuilder {
    pub(crate) fn new(url: String) -> Self {
        Self {
            urls: vec![url],
            sentinels: Vec::new(),
            hub: DEFAULT_HUB.into(),
            patience: DEFAULT_PATIENCE,
            authorities: None,
            identity: None,
        }
    }

    /// Another node of the same Cluster, to ask where the first does not answer. Its user, password and TLS are those
    /// of the first URL. Nodes that were told of are remembered, but only while this process runs.
    pub fn node(mut self, url: impl Into<String>) -> Self {
        self.urls.push(url.into());
        self
    }

    /// A Sentinel, to be asked where the primary is. The host of the first URL is the name that Sentinels know it by, as in
    /// `redis://:secret@mymaster/`. The user and the password of a Sentinel's own URL are for the Sentinel; it speaks TLS
    /// if the first URL does. All Sentinels that are given are asked at once, for each new connection.
    pub fn sentinel(mut self, url: impl Into<String>) -> Self {
        self.sentinels.push(url.into());
        self
    }

    /// The name of the hub: 1 to 128 ASCII letters, digits, `-`, `_`, `.` or `:`. Hubs of the same name share a log,
    /// and hubs of different names nothing. Defaults to [`DEFAULT_HUB`].
    pub fn hub(mut self, name: impl Into<String>) -> Self {
        self.hub = name.into();
        self
    }

    /// For how long a server that owes an answer may send nothing before it is taken for gone: 500 ms to a minute. What
    /// is sent to it then may have been taken. Defaults to [`DEFAULT_PATIENCE`].
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Trusts only the certificate authorities in this PEM file, not those of the system. For `rediss:` URLs.
    pub fn tls_authorities(mut self, pem_file: impl Into<PathBuf>) -> Self {
        self.authorities = Some(pem_file.into());
        self
    }

    /// Comes with this certificate and key, both PEM files: what `tls-auth-clients yes` asks for. For `rediss:` URLs.
    pub fn tls_identity(mut self, certificate_file: impl Into<PathBuf>, key_file: impl Into<PathBuf>) -> Self {
        self.identity = Some((certificate_file.into(), key_file.into()));
        self
    }

    /// Connects, and sees that the server will do. Works on any runtime, and without: the connection is on a thread of
    /// the backplane's own. Takes at most twice the [patience](Self::patience).
    ///
    /// # Errors
    /// A setting is wrong, or there is no server that will do: see
    /// [`RedisConnectErrorKind`](crate::RedisConnectErrorKind).
    pub async fn connect(self) -> Result<RedisBackplane, RedisConnectError> {
        let keys = Keys::of(&self.hub)?;
        if !PATIENCE.contains(&self.patience) {
            let reason = format!("the patience can't be {:?}; it is 500 ms to a minute", self.patience);
            return Err(RedisConnectError::invalid(reason));
        }
        let servers = self.urls.iter().map(|url| Server::parse(url)).collect::<Result<Vec<_>, _>>()?;
        let Some(first) = servers.first() else { return Err(RedisConnectError::invalid("no URL was given")) };
        let tls = match first.is_tls {
            true => {
                let identity = self.identity.as_ref().map(|(certificate, key)| (&**certificate, &**key));
                Some(Tls::new(self.authorities.as_deref(), identity)?)
            }
            false if self.authorities.is_some() || self.identity.is_some() => {
                return Err(RedisConnectError::invalid(
                    "a certificate was given, but the URL does not begin with rediss:",
                ));
            }
            false => None,
        };
        let given = servers.iter().map(|server| server.address.clone()).collect();
        if !self.sentinels.is_empty() && (servers.len() > 1 || matches!(first.address, Address::Unix(_))) {
            let reason = "Sentinels are asked for one name: give one URL, with the name as its host";
            return Err(RedisConnectError::invalid(reason));
        }
        let sentinels = self.sentinels.iter().map(|url| Server::parse(url)).collect::<Result<Vec<_>, _>>()?;
        let sentinels = sentinels.into_iter().map(|server| (server.address, server.settings)).collect();
        let nodes = Nodes::new(given, sentinels, tls, first.settings.clone(), self.patience, keys.meta.clone());
        RedisBackplane::start(Arc::new(nodes), Arc::new(Log::new(keys))).await
    }
}

impl std::fmt::Debug for RedisBackplaneBuilder {
    /// Leaves the URLs out: they may have passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisBackplaneBuilder")
            .field("hub", &self.hub)
            .field("patience", &self.patience)
            .field("authorities", &self.authorities)
            .finish_non_exhaustive()
    }
}

/// What a URL says.
#[derive(Debug)]
struct Server {
    address: Address,
    is_tls: bool,
    settings: RedisConnectionInfo,
}

impl Server {
    fn parse(url: &str) -> Result<Self, RedisConnectError> {
        if url.contains('#') {
            return Err(RedisConnectError::invalid(
                "a fragment in a Redis URL is not supported: TLS always checks certificates, and a '#' in a password is \
                 written %23",
            ));
        }
        // TLS is ours, so the URL is read as one without.
        let (is_tls, plain) = match url.split_once("://") {
            Some(("rediss", rest)) => (true, format!("redis://{rest}")),
            Some(("valkeys", rest)) => (true, format!("valkey://{rest}")),
            _ => (false, url.to_owned()),
        };
        // The error says what is wrong without the URL, which may have a password.
        let info = plain.as_str().into_connection_info().map_err(|error| {
            let expected = "redis://[USER][:PASSWORD@]HOST[:PORT][/DATABASE], rediss:// for TLS, or unix:///PATH";
            RedisConnectError::invalid(format!("the Redis URL can't be used ({error}); expected is {expected}"))
        })?;
        let address = match info.addr() {
            ConnectionAddr::Tcp(host, port) => Address::Tcp(host.clone(), *port),
            ConnectionAddr::Unix(path) => Address::Unix(path.clone()),
            _ => return Err(RedisConnectError::invalid("the Redis URL names no host")),
        };
        let settings = info.redis_settings().clone();
        let settings = settings.set_protocol(ProtocolVersion::RESP2).set_lib_name("ssehub", env!("CARGO_PKG_VERSION"));
        Ok(Self { address, is_tls, settings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_the_server_and_who_comes() {
        let server = Server::parse("rediss://ann:p%23w@redis.example/3").unwrap();
        assert_eq!((server.address, server.is_tls), (Address::Tcp("redis.example".into(), 6379), true));
        let settings = server.settings;
        assert_eq!((settings.username(), settings.password(), settings.db()), (Some("ann"), Some("p#w"), 3));

        let server = Server::parse("unix:///run/redis.sock?db=2").unwrap();
        assert_eq!((server.address, server.is_tls), (Address::Unix("/run/redis.sock".into()), false));
        assert_eq!(Server::parse("redis://[::1]:7000").unwrap().address, Address::Tcp("::1".into(), 7000));
    }

    #[test]
    fn a_url_that_cannot_be_used_is_refused_without_telling_its_password() {
        for url in
            ["", "here", "http://ann:secret@host", "redis://ann:secret@host/none", "rediss://:secret@host/#insecure"]
        {
            let error = Server::parse(url).unwrap_err();
            assert_eq!(error.kind(), crate::RedisConnectErrorKind::Invalid);
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
