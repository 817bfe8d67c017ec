//! nginx in front of the server, as docs/operations.md sets it up, but impatient.

use std::{fs, net::SocketAddr, process::Child};

use ssehub_conformance::wait::{PATIENCE, until};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::network;

/// In a network of one's own any port is free.
const ADDRESS: &str = "10.77.0.1:8080";

/// A client that takes nothing for so many seconds is closed by nginx.
pub const SEND_TIMEOUT: u64 = 2;

/// A running nginx, killed when it is dropped.
#[derive(Debug)]
pub struct Nginx {
    process: Child,
    /// Where it listens.
    pub address: SocketAddr,
    _folder: TempDir,
}

impl Nginx {
    /// Starts one in front of `server`; only in a [private network](network::is_private).
    ///
    /// # Panics
    /// If it does not start to listen.
    pub async fn in_front_of(server: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let root = folder.path().display();
        let file = folder.path().join("nginx.conf");
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {root}/{name};\n"))
            .concat();
        let text = format!(
            "daemon off;
            master_process off;
            # Root of the private network, and who that is outside: nobody else need be known here.
            user root;
            pid {root}/pid;
            error_log stderr crit;
            events {{}}
            http {{
                access_log off;
                {temporary}
                server {{
                    listen {ADDRESS};
                    location / {{
                        proxy_pass http://{server};
                        proxy_http_version 1.1;
                        proxy_set_header Connection \"\";
                        proxy_buffering off;
                        send_timeout {SEND_TIMEOUT}s;
                    }}
                }}
            }}"
        );
        fs::write(&file, text).expect("a file can be written");
        let process = network::system("nginx").args(["-e", "stderr", "-c"]).arg(&file).spawn();
        let mut process =
            process.unwrap_or_else(|error| panic!("nginx does not start ({error}); install Debian's nginx"));
        let address: SocketAddr = ADDRESS.parse().expect("it is an address");
        until(PATIENCE, "nginx to listen", async || {
            if let Ok(Some(status)) = process.try_wait() {
                panic!("nginx ended with {status} instead of listening");
            }
            TcpStream::connect(address).await.map(drop)
        })
        .await;
        Self { process, address, _folder: folder }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _status = self.process.wait();
    }
}
