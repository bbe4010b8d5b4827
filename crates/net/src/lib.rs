//! Simulated and real networks behind one byte-stream seam, with HTTP, TLS and names.
