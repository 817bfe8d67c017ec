//! A link that can be cut, stalled and slowed: a TCP proxy on a thread of its own.
//!
//! Each change holds when the call that makes it returns, for connections that are there and for later ones.

use std::{
    io,
    net::SocketAddr,
    sync::mpsc as blocking,
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream, tcp},
    sync::{mpsc, watch},
    task::JoinSet,
    time::sleep,
};

use crate::{
    port::Port,
    wait::{PATIENCE, until},
};

/// The most that is forwarded at once.
const CHUNK: usize = 16 << 10;

/// A link to a server.
#[derive(Debug)]
pub struct Proxy {
    port: SocketAddr,
    /// None when it is being dropped.
    orders: Option<mpsc::UnboundedSender<(Order, blocking::Sender<usize>)>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy, Debug)]
enum Order {
    /// Connections are ended and refused.
    Cut,
    /// Connections are taken, and nothing is forwarded.
    Stall,
    /// Each chunk is forwarded after so long.
    Forward(Duration),
    /// Later connections lead there.
    LeadTo(SocketAddr),
    /// Nothing changes.
    Count,
}

/// What becomes of what is to be forwarded.
#[derive(Clone, Copy, Debug)]
enum Flow {
    Stalled,
    Delayed(Duration),
}

impl Proxy {
    /// A link to `server` that forwards everything at once.
    ///
    /// # Panics
    /// If the system has no port or no thread for it.
    pub fn to(server: SocketAddr) -> Self {
        let port = Port::reserve().expect("a port is free");
        let address = port.address();
        let (orders, queue) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        let link = Link { port, server, listener: None, flow: watch::channel(Flow::Delayed(Duration::ZERO)).0 };
        let thread = thread::spawn(move || runtime.block_on(link.run(queue)));
        let proxy = Self { port: address, orders: Some(orders), thread: Some(thread) };
        proxy.heal();
        proxy
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port
    }

    /// Ends all connections, and refuses new ones.
    pub fn cut(&self) {
        self.order(Order::Cut);
    }

    /// Takes connections and keeps those there are, and forwards nothing.
    pub fn stall(&self) {
        self.order(Order::Stall);
    }

    /// Forwards each chunk, of up to 16 KiB, after so long.
    pub fn slow(&self, delay: Duration) {
        self.order(Order::Forward(delay));
    }

    /// Forwards everything at once, also what was held back.
    pub fn heal(&self) {
        self.order(Order::Forward(Duration::ZERO));
    }

    /// Leads later connections to another server.
    pub fn lead_to(&self, server: SocketAddr) {
        self.order(Order::LeadTo(server));
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.order(Order::Count)
    }

    fn order(&self, order: Order) -> usize {
        let (done, is_done) = blocking::channel();
        self.orders.as_ref().expect("it is not being dropped").send((order, done)).expect("the link is there");
        is_done.recv_timeout(PATIENCE).expect("the link does as it is told")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

struct Link {
    port: Port,
    server: SocketAddr,
    /// None while the link is cut.
    listener: Option<TcpListener>,
    flow: watch::Sender<Flow>,
}

impl Link {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<(Order, blocking::Sender<usize>)>) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                order = orders.recv() => {
                    let Some((order, done)) = order else { break };
                    self.obey(order, &mut connections).await;
                    let _who_asked_is_gone = done.send(connections.len());
                }
                client = accept(self.listener.as_ref()) => {
                    connections.spawn(forward(client, self.server, self.flow.subscribe()));
                }
                Some(_ended) = connections.join_next() => {}
            }
        }
    }

    async fn obey(&mut self, order: Order, connections: &mut JoinSet<()>) {
        let flow = match order {
            Order::Cut => {
                self.listener = None;
                return connections.shutdown().await;
            }
            Order::LeadTo(server) => return self.server = server,
            Order::Count => return,
            Order::Stall => Flow::Stalled,
            Order::Forward(delay) => Flow::Delayed(delay),
        };
        self.flow.send_replace(flow);
        if self.listener.is_none() {
            // A process that is being started has a copy of the last listener, until it runs.
            let listening = until(PATIENCE, "the port to be free again", async || listen(self.port.address()));
            self.listener = Some(listening.await);
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

/// The next client; nobody comes over a link that is cut.
async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else { return std::future::pending().await };
    loop {
        // An error is of a client that is gone already.
        if let Ok((client, _)) = listener.accept().await {
            return client;
        }
    }
}

/// Forwards both ways until either end is done.
async fn forward(client: TcpStream, server: SocketAddr, flow: watch::Receiver<Flow>) {
    // A stalled link lets nobody through, so whoever comes meanwhile waits for the server, too.
    let mut opened = flow.clone();
    if opened.wait_for(|flow| matches!(flow, Flow::Delayed(_))).await.is_err() {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else { return };
    let _small_chunks_are_late = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        _ = one_way(from_client, to_server, flow.clone()) => {}
        _ = one_way(from_server, to_client, flow) => {}
    }
}

async fn one_way(
    mut from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    mut flow: watch::Receiver<Flow>,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = from.read(&mut chunk).await?;
        pass(&mut flow).await?;
        if length == 0 {
            return Ok(());
        }
        to.write_all(&chunk[..length]).await?;
    }
}

/// Waits until a chunk may go on. Who waits when the flow changes goes by the new one.
async fn pass(flow: &mut watch::Receiver<Flow>) -> io::Result<()> {
    loop {
        let now = *flow.borrow_and_update();
        let changed = flow.changed();
        match now {
            Flow::Delayed(Duration::ZERO) => return Ok(()),
            Flow::Delayed(delay) => tokio::select! {
                () = sleep(delay) => return Ok(()),
                changed = changed => changed.map_err(io::Error::other)?,
            },
            Flow::Stalled => changed.await.map_err(io::Error::other)?,
        }
    }
}
