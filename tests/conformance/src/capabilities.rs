//! What each framework can and cannot do.
//!
//! The hub's promises are the same everywhere; how soon a framework tells that a client has gone, and which
//! versions of HTTP it speaks, is its own affair. The cases assert both sides of each difference: a framework
//! that learns something fails the suite until this table, and with it the documentation, says so.

use std::time::Duration;

use crate::subject::Framework;

/// When the server learns that a client has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// At once, also on a quiet stream.
    AtOnce,
    /// With this write to the stream, the first being 1; on a quiet stream that is a keep-alive.
    AtWrite(u32),
}

/// Who closes the socket of a client that takes nothing, or whose link was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closer {
    /// The kernel, when the `TCP_USER_TIMEOUT` of `ssehub::listen` is over.
    Kernel,
    /// Nobody, before the client reads on or leaves, or the system gives up after a quarter of an hour.
    Client,
}

/// What one framework can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// When a FIN is noticed.
    pub fin: Notice,
    /// When a RST is noticed.
    pub reset: Notice,
    /// When it is noticed that a client has closed its sending half, and still reads.
    pub half_close: Notice,
    /// When a FIN is noticed that comes after bytes which are no complete request.
    pub fin_after_stray_bytes: Notice,
    /// Who closes the socket of a client that takes nothing.
    pub stalled: Closer,
    /// How long a client may take over a request's head.
    pub head_timeout: Option<Duration>,
    /// Whether a request header is seen whose value is no UTF-8.
    pub headers_of_any_bytes: bool,
    /// How many bytes of headers a request may have over HTTP/2, uncompressed; 0 where it is not spoken.
    pub http2_headers: u64,
    /// When the end of a connection is noticed over HTTP/2 in clear text, if it is spoken.
    pub http2_fin: Option<Notice>,
    /// When RST_STREAM is noticed over HTTP/2 in clear text, if it is spoken.
    pub http2_reset: Option<Notice>,
}

impl Capabilities {
    /// The capabilities of `framework`, as the playground sets it up.
    pub fn of(framework: Framework) -> Self {
        use Notice::{AtOnce, AtWrite};
        match framework {
            Framework::Axum | Framework::Lean => Self {
                fin: AtOnce,
                reset: AtOnce,
                half_close: AtOnce,
                // hyper stops looking for the end while bytes that it does not want yet sit in its buffer; the first
                // write is answered by a RST, which the second one meets.
                fin_after_stray_bytes: AtWrite(2),
                stalled: Closer::Kernel,
                // axum::serve sets none; the lean loop's is its own.
                head_timeout: (framework == Framework::Lean).then_some(Duration::from_secs(30)),
                headers_of_any_bytes: true,
                // hyper's default.
                http2_headers: 16 << 10,
                http2_fin: Some(AtOnce),
                http2_reset: Some(AtOnce),
            },
            Framework::Actix => Self {
                // The playground sets h1_allow_half_closed(false); without it all of these are AtWrite(2).
                fin: AtOnce,
                reset: AtOnce,
                half_close: AtOnce,
                fin_after_stray_bytes: AtOnce,
                stalled: Closer::Kernel,
                // The default of HttpServer::client_request_timeout.
                head_timeout: Some(Duration::from_secs(5)),
                headers_of_any_bytes: true,
                // HttpServer::listen() speaks HTTP/1 only; listen_auto_h2c() is another method.
                http2_headers: 0,
                http2_fin: None,
                http2_reset: None,
            },
            Framework::Rocket => Self {
                // The task that reads the body learns of the end when it can hand nothing on.
                fin: AtWrite(1),
                reset: AtWrite(1),
                half_close: AtWrite(1),
                // As in hyper, and one write later that task learns of it.
                fin_after_stray_bytes: AtWrite(3),
                // Rocket binds its own socket, and none of its options can be set.
                stalled: Closer::Client,
                head_timeout: None,
                // Rocket drops such a header and says so in its log.
                headers_of_any_bytes: false,
                // Set in Rocket's server.rs, for good.
                http2_headers: 16 << 20,
                http2_fin: Some(AtWrite(1)),
                http2_reset: Some(AtWrite(1)),
            },
        }
    }
}
