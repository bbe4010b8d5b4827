//! Topologies, the world builder and the running site.
