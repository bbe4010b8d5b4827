//! Client to management point messaging.
