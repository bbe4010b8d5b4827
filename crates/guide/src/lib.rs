//! The troubleshooting guide as data, and its judge.
