//! Rocket, as the benchmark starts it.

use std::net::SocketAddr;

use rocket::config::{LogLevel, Shutdown};
use rocket::fairing::AdHoc;
use rocket::{Build, Config, Rocket};

/// A silent Rocket that listens on `address`, and says so.
pub fn rocket_on(address: SocketAddr) -> Rocket<Build> {
    let (address, port) = (address.ip(), address.port());
    // A signal ends it at once, as it does the other peers: Rocket itself would wait for streams that do not end.
    let shutdown = Shutdown { ctrlc: false, signals: [].into(), ..Shutdown::default() };
    let config = Config { address, port, workers: 1, log_level: LogLevel::Off, shutdown, ..Config::default() };
    rocket::custom(&config).attach(AdHoc::on_liftoff("address", |rocket| {
        Box::pin(async move {
            println!("listening on http://{}:{}", rocket.config().address, rocket.config().port);
        })
    }))
}
