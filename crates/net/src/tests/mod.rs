//! The network as a whole: the same bodies in memory and through sockets.

mod bytes_counted;
mod causes;
mod failures;
mod sessions;
mod tls;
mod worlds;
