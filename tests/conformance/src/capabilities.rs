//! What each framework can and cannot do.
//!
//! The hub's promises are the same everywhere; how soon a framework tells that a client has gone, and which
//! versions of HTTP it speaks, is its own affair. The cases assert both sides of each difference: a framework
//! that learns something fails the suite until this table, and with it the documentation, says so.

use crate::subject::Framework;

/// When the server learns that a client has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// At once, also on a quiet stream.
    AtOnce,
    /// With this write to the stream, the first being 1; on a quiet stream that is a keep-alive.
    AtWrite(u32),
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
    /// Whether a request header is seen whose value is no UTF-8.
    pub headers_of_any_bytes: bool,
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
                headers_of_any_bytes: true,
                http2_fin: Some(AtOnce),
                http2_reset: Some(AtOnce),
            },
            Framework::Actix => Self {
                // The playground sets h1_allow_half_closed(false); without it all of these are AtWrite(2).
                fin: AtOnce,
                reset: AtOnce,
                half_close: AtOnce,
                fin_after_stray_bytes: AtOnce,
                headers_of_any_bytes: true,
                // HttpServer::listen() speaks HTTP/1 only; listen_auto_h2c() is another method.
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
                // Rocket drops such a header and says so in its log.
                headers_of_any_bytes: false,
                http2_fin: Some(AtWrite(1)),
                http2_reset: Some(AtWrite(1)),
            },
        }
    }
}
