//! What makes a domain controller reachable: something listens on its LDAP port.

use cmsim_net::Listener;

/// The LDAP port of a domain controller (docs).
pub const DIRECTORY_PORT: u16 = 389;

/// Keeps a domain controller's LDAP port open until the network shuts down: connections are accepted and closed.
///
/// What a computer would ask over the connection, it asks the [`Directory`](super::Directory) itself; that it can connect
/// at all is what firewalls, name resolution and power decide.
pub async fn serve(mut listener: Listener) {
    while let Some(connection) = listener.accept().await {
        drop(connection);
    }
}
