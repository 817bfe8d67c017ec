//! The playground, built with the suite so that the suite can start it.
fn main() -> std::process::ExitCode {
    ssehub_playground::main()
}
