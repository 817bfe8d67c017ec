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
    /// When it writes to the stream, at this write at the latest; on a quiet stream that is a keep-alive.
    AtWrite(u32),
}

/// How a stream is framed for a client of HTTP/1.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Http10 {
    /// The body ends with the connection, as HTTP/1.0 wants it.
    UntilClose,
    /// In chunks, which a client of HTTP/1.0 does not understand.
    Chunked,
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
    /// How HTTP/1.0 is answered.
    pub http10: Http10,
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
            Framework::Axum => Self {
                fin: AtOnce,
                reset: AtOnce,
                half_close: AtOnce,
                // hyper stops looking for the end while bytes that it does not want yet sit in its buffer.
                fin_after_stray_bytes: AtWrite(2),
                http10: Http10::UntilClose,
                http2_fin: Some(AtOnce),
                http2_reset: Some(AtOnce),
            },
            Framework::Actix => Self {
                // The playground sets h1_allow_half_closed(false); without it all of these are AtWrite(2).
                fin: AtOnce,
                reset: AtOnce,
                half_close: AtOnce,
                fin_after_stray_bytes: AtOnce,
                http10: Http10::Chunked,
                // The task of an HTTP/2 stream waits for its body alone.
                http2_fin: Some(AtWrite(2)),
                http2_reset: Some(AtWrite(2)),
            },
            Framework::Rocket => Self {
                // The task that reads the body learns of the end when it can hand nothing on.
                fin: AtWrite(2),
                reset: AtWrite(2),
                half_close: AtWrite(2),
                fin_after_stray_bytes: AtWrite(2),
                http10: Http10::UntilClose,
                http2_fin: Some(AtWrite(2)),
                http2_reset: Some(AtWrite(2)),
            },
        }
    }
}
