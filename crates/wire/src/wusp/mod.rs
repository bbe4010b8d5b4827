//! MS-WUSP: the Windows Update Services client-server protocol.
