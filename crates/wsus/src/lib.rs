//! WSUS web services and SUSDB.
