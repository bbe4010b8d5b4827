//! Bytes to types and back for every protocol of the software-updates stack.
