//! Processes that end with the test that started them, however it ends.

use std::{
    ffi::OsStr,
    io,
    process::{Child, Command, ExitStatus},
    sync::{OnceLock, mpsc},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};

/// What a system without a program is told: what is missing, and which package has it.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The program's name.
    pub name: &'static str,
    /// The Debian package it is in.
    pub package: &'static str,
}

/// A process of one's own, killed when this is dropped or the test's process dies.
#[derive(Debug)]
pub struct Owned(Child);

impl Program {
    /// A command that runs it and dies with this process.
    pub fn command(self) -> Command {
        dies_with_us(self.name)
    }

    /// What to say when it does not start.
    pub fn advice(self) -> String {
        format!("is Debian's {} installed? `apt-get install {}`", self.package, self.package)
    }
}

/// A command that runs `program` and dies with this process. (`setpriv` is in util-linux, which every Debian has.)
pub fn dies_with_us(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}

/// Starts a [command that dies with us](dies_with_us) from a thread that lives as long as this process, because the signal
/// comes when the *thread* that started the command ends.
///
/// A program that is missing shows later, by the status 127.
///
/// # Errors
/// If there is no `setpriv`.
pub fn start(command: Command) -> io::Result<Owned> {
    type Order = (Command, mpsc::Sender<io::Result<Child>>);
    static STARTER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in orders {
                let _who_asked_is_gone = answer.send(command.spawn());
            }
        });
        sender
    });
    let (answer, answered) = mpsc::channel();
    starter.send((command, answer)).expect("the thread takes orders for ever");
    let started = answered.recv().expect("each order is answered");
    let explain =
        |error| io::Error::other(format!("setpriv, which is in Debian's util-linux, does not start: {error}"));
    started.map(Owned).map_err(explain)
}

impl Owned {
    /// Sends it a signal.
    ///
    /// # Panics
    /// If it has ended already.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("the process still runs");
    }

    /// Kills it with SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ended_already = self.0.kill();
        let _status = self.0.wait();
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("a child of ours can be waited for")
    }

    /// The child, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.kill();
    }
}
