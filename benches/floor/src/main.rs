//! Sends the same event to many sockets with no hub in between: the unit of the benchmark.

fn main() {}
