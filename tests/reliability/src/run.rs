//! How a case is run.

pub use ssehub_conformance::subject::Framework;
use ssehub_conformance::{
    subject::Subject,
    wait::{CASE, within},
};
use tokio::runtime::Builder;

use crate::{flood, network};

/// One case against one framework.
#[derive(Debug)]
pub struct Test {
    /// The test's path: the name of its program, the framework, the case.
    pub name: &'static str,
    /// What it is run against.
    pub framework: Framework,
    /// The playground.
    pub binary: &'static str,
}

impl Test {
    fn subject(&self) -> Subject {
        Subject::new(self.framework, self.binary)
    }

    fn finish<F: Future<Output = ()>>(&self, case: impl FnOnce(Subject) -> F) {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime starts");
        runtime.block_on(within(CASE * flood::times(), self.name, case(self.subject())));
    }
}

/// Here and now, beside other cases.
pub fn side_by_side<F: Future<Output = ()>>(test: &Test, case: impl FnOnce(Subject) -> F) {
    test.finish(case);
}

/// In a network of its own.
pub fn cut_off<F: Future<Output = ()>>(test: &Test, case: impl FnOnce(Subject) -> F) {
    if network::is_private() {
        test.finish(case);
    } else {
        // libtest's names begin behind the name of the program.
        let (_, name) = test.name.split_once("::").expect("a test is in the module of its framework");
        network::confine(name);
    }
}
