//! The playground's binary; everything is in its library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ssehub_playground::main()
}
