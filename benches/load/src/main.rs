//! Opens many event streams to one server, and measures what comes.

fn main() {}
