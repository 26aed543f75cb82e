//! A server that hangs.
