//! Simulated Windows hosts and the directory they belong to.
