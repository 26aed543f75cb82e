//! Cold files arrive.
