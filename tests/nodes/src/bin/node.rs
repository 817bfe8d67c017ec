//! The playground, built with this package so that its tests find it beside them.

use std::process::ExitCode;

fn main() -> ExitCode {
    ssehub_playground::main()
}
