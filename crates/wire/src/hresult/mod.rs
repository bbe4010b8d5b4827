//! Result codes: their names, and which cause on the wire becomes which code.

mod codes;
mod mapping;
#[cfg(test)]
mod tests;
mod transport;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use codes::{DEFAULT_RETRY_CODES, KnownCode, NotACode, all, lookup};
pub use mapping::{
    CCM_E_BAD_HTTP_STATUS_CODE, CCM_E_TRANSIENT, E_PENDING, GROUP_POLICY_CONFLICT, MappedFailure, Recovery,
    WU_E_PT_EXCEEDED_MAX_SERVER_TRIPS, WU_E_PT_SOAPCLIENT_SOAPFAULT, fault_recovery, from_winhttp, map_http_status,
    map_transport, winhttp_error,
};
pub use transport::{ProxyFailure, TlsFailure, TransportFailure};

/// A Windows result code. Displays as `0x8024401F`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HResult(pub u32);

impl HResult {
    /// Success.
    pub const S_OK: Self = Self(0);

    /// The code as the signed number that SQL views and WMI show.
    #[must_use]
    pub const fn signed(self) -> i32 {
        self.0.cast_signed()
    }

    /// Whether the severity bit is clear.
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 & 0x8000_0000 == 0
    }
}

impl fmt::Display for HResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:08X}", self.0)
    }
}

impl fmt::LowerHex for HResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.0, f)
    }
}

impl fmt::Debug for HResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
