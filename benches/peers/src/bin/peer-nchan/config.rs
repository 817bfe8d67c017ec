//! nginx's configuration.

use std::net::SocketAddr;
use std::path::Path;

/// Messages of each channel are kept as the hub keeps its events by default: 10,000, for ten minutes. What is posted
/// fits into memory, so nothing is written to a file, nor logged.
///
/// A stream that asks for several groups is refused: nchan would have to join their channels, at most 255.
pub(crate) fn text(listen: SocketAddr, directory: &Path, module: &Path, connections: u64) -> String {
    let (directory, module) = (directory.display(), module.display());
    format!(
        r#"daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr error;
load_module {module};

events {{
    worker_connections {connections};
}}

http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    client_body_buffer_size 1m;
    client_max_body_size 1m;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    large_client_header_buffers 4 32k;
    nchan_shared_memory_size 512M;

    map "$arg_user|$arg_group" $channel {{
        "~^(?<user>.+)\|$" "user:$user";
        "~^\|(?<group>.+)$" "group:$group";
        default "all";
    }}

    server {{
        listen {listen} backlog=4096;

        location = /events {{
            if ($args ~ "group=.*&group=") {{
                return 501 "nchan joins at most 255 channels";
            }}
            nchan_subscriber eventsource;
            nchan_channel_id $channel;
            nchan_subscriber_first_message newest;
            nchan_eventsource_ping_interval 15;
        }}

        location ~ ^/pub/(?<target>.+)$ {{
            nchan_publisher http;
            nchan_channel_id $target;
            nchan_message_buffer_length 10000;
            nchan_message_timeout 10m;
        }}

        location / {{
            return 501 "an event is posted to /pub/all, /pub/user:ID or /pub/group:NAME";
        }}
    }}
}}
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_brace_is_closed_and_every_name_filled_in() {
        let address = "127.0.0.1:1234".parse().unwrap();
        let text = text(address, Path::new("/directory"), Path::new("/module.so"), 5000);
        assert_eq!(text.matches('{').count(), text.matches('}').count());
        for line in ["listen 127.0.0.1:1234 backlog=4096;", "load_module /module.so;", "worker_connections 5000;"] {
            assert!(text.contains(line), "{line}");
        }
    }
}
