//! Sans-I/O decisions of every client agent.
