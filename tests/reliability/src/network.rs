//! A network of one's own, with a link in it that can be cut.
//!
//! A client whose link is cut says nothing: no FIN, no RST. Over the loopback that cannot be had, because the kernel at
//! its other end always answers. So a case is run by a process in a new network namespace, where the server listens, and
//! a virtual cable leads from there to a second one, whose clients vanish when it is pulled. Nothing outside is touched.
//!
//! Root may do that, and others where the system lets them have user namespaces. It takes `unshare` (util-linux) and `ip`
//! (iproute2). Where it cannot be done, the test fails and says what to allow or install.

use std::{
    env,
    ffi::OsStr,
    fs::{File, read_link},
    net::{SocketAddr, TcpStream},
    os::fd::AsFd as _,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use ssehub_conformance::wait::PATIENCE;

/// Set in the process that has a network of its own.
const PRIVATE: &str = "SSEHUB_PRIVATE_NETWORK";

/// Where the server listens, and any free port.
pub const SERVER: &str = "10.77.0.1:0";

const NEAR_END: &str = "10.77.0.1/24";
const FAR_END: &str = "10.77.0.2/24";

/// The ways to a new network namespace: as root, and as anybody.
const WAYS: [&[&str]; 2] = [&["--net"], &["--user", "--map-root-user", "--net"]];

/// Whether this process has a network of its own.
pub fn is_private() -> bool {
    env::var_os(PRIVATE).is_some()
}

/// Runs the test of this name, of this very program, in a network of its own.
///
/// # Panics
/// If that cannot be had, or the test fails there.
pub fn confine(test: &str) {
    let program = env::current_exe().expect("a test knows its program");
    let mut command = unshare();
    command.arg(program).args(["--exact", test, "--nocapture"]).env(PRIVATE, "yes");
    let output = command.output().expect("unshare was just found to start");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (said(&output.stdout), said(&output.stderr));
    println!("{out}");
    assert!(output.status.success(), "in a network of its own, {test} ended with {}:\n{out}\n{err}", output.status);
    assert!(out.contains("1 passed"), "in a network of its own, no test is named {test}:\n{out}\n{err}");
}

/// A command that runs another in a new network namespace.
fn unshare() -> Command {
    let mut refusals = Vec::new();
    for way in WAYS {
        match run("unshare", way.iter().chain(&["true"])) {
            Ok(()) => {
                let mut command = Command::new("unshare");
                command.args(way);
                return command;
            }
            Err(refusal) => refusals.push(refusal),
        }
    }
    panic!(
        "this test needs a network namespace of its own, and the system gives it none: {}.\n\
         Run it as root (in a container with --cap-add SYS_ADMIN --cap-add NET_ADMIN), or allow everybody user namespaces: \
         sysctl user.max_user_namespaces=10000, on Debian kernel.unprivileged_userns_clone=1, on Ubuntu \
         kernel.apparmor_restrict_unprivileged_userns=0",
        refusals.join("; ")
    );
}

/// A command of the system's, also where only root looks by itself.
pub(crate) fn system(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", [env::var("PATH").unwrap_or_default().as_str(), "/usr/sbin", "/sbin"].join(":"));
    command.stdin(Stdio::null());
    command
}

fn run<A: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = A>) -> Result<(), String> {
    let mut command = system(program);
    let output = command.args(arguments).output();
    let output = output.map_err(|error| format!("{program} does not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
    Err(format!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}

fn ip(arguments: &str) {
    run("ip", arguments.split(' ')).unwrap_or_else(|error| {
        panic!("{error}; the program ip is Debian's package iproute2, the cable the kernel's veth")
    });
}

/// A cable to another network namespace.
#[derive(Debug)]
pub struct Link {
    /// Lives in the other namespace, and keeps it.
    keeper: Child,
    far: File,
}

impl Link {
    /// Lays the cable.
    ///
    /// # Panics
    /// If the system does not let it be laid.
    pub fn lay() -> Self {
        let mut command = Command::new("unshare");
        // It ends when nobody holds the other end of its stdin any more.
        let keeper = command.args(["--net", "cat"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        let keeper = keeper.unwrap_or_else(|error| panic!("unshare does not start: {error}"));
        let far = format!("/proc/{}/ns/net", keeper.id());
        let start = Instant::now();
        while read_link(&far).expect("unshare runs") == read_link("/proc/self/ns/net").expect("Linux has namespaces") {
            assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} for unshare to make a namespace");
            thread::sleep(Duration::from_millis(5));
        }
        let link = Self { far: File::open(&far).expect("the namespace is there"), keeper };
        ip("link set lo up");
        ip(&format!("link add near type veth peer name far netns {}", link.keeper.id()));
        ip(&format!("address add {NEAR_END} dev near"));
        ip("link set near up");
        link.beyond(|| {
            ip(&format!("address add {FAR_END} dev far"));
            ip("link set far up");
        });
        link
    }

    /// Does something at the far end. A socket that is made there stays there.
    fn beyond<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let act = || {
            let network = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(self.far.as_fd(), network).expect("the namespace may be entered");
            act()
        };
        // The thread ends with it, and so this process stays where it is.
        thread::scope(|scope| scope.spawn(act).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Connects from the far end.
    ///
    /// # Panics
    /// If nobody listens at `address`.
    pub fn connect(&self, address: SocketAddr) -> tokio::net::TcpStream {
        let socket = self.beyond(|| TcpStream::connect_timeout(&address, PATIENCE)).expect("the playground listens");
        socket.set_nonblocking(true).expect("a socket can be made non-blocking");
        tokio::net::TcpStream::from_std(socket).expect("the runtime takes the socket")
    }

    /// Pulls the cable.
    pub fn cut(&self) {
        self.beyond(|| ip("link set far down"));
    }

    /// Plugs it in again.
    pub fn mend(&self) {
        self.beyond(|| ip("link set far up"));
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let _ended_already = self.keeper.kill();
        let _status = self.keeper.wait();
    }
}
