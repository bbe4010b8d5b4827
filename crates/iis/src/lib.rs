//! A model of IIS in front of the server roles.
