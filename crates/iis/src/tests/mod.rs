//! The web server over the network in memory.

mod access;
mod logs;
mod pools_and_sites;
mod routing;
mod world;
