//! A certificate for a server on the loopback, which is its own authority.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::child::Program;

const OPENSSL: Program = Program { name: "openssl", package: "openssl" };

/// A certificate for `localhost` and 127.0.0.1, and its key, as PEM files in a folder that somebody else keeps.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate: what the server shows, and what a client has to trust.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Certificate {
    /// Makes one that is good for a day.
    ///
    /// # Panics
    /// If there is no `openssl`, or it fails.
    pub fn generate(folder: &Path) -> Self {
        let files = Self { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") };
        let mut command = Command::new(OPENSSL.name);
        command.args("req -x509 -nodes -days 1 -newkey ec -pkeyopt ec_paramgen_curve:P-256".split(' '));
        command.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]);
        command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        command.arg("-out").arg(&files.certificate).arg("-keyout").arg(&files.key);
        let output = command.output().unwrap_or_else(|error| panic!("openssl: {error}; {}", OPENSSL.advice()));
        assert!(output.status.success(), "openssl failed: {}", String::from_utf8_lossy(&output.stderr));
        files
    }
}
