//! Simulates a Configuration Manager software-updates stack on one machine.

fn main() {}
