//! What an event or a deadline is about.
#![forbid(unsafe_code)]

use mio::Token;

use crate::registry::Handle;

/// What an event or a deadline is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A worker connects.
    Listener,
    /// The guardian has something to say.
    Doorbell,
    /// The guardian is gone.
    Guardian,
    /// A worker has sent something.
    Peer(Handle),
    /// A download can go on.
    Job(Handle),
}

impl Key {
    const KIND_BITS: u32 = 3;

    /// For epoll.
    pub fn token(self) -> Token {
        let (kind, rest) = match self {
            Key::Listener => (0, 0),
            Key::Doorbell => (1, 0),
            Key::Guardian => (2, 0),
            Key::Peer(handle) => (3, handle.to_bits()),
            Key::Job(handle) => (4, handle.to_bits()),
        };
        Token(rest << Key::KIND_BITS | kind)
    }

    /// The key of such a token.
    pub fn from_token(Token(bits): Token) -> Key {
        let handle = Handle::from_bits(bits >> Key::KIND_BITS);
        match bits & ((1 << Key::KIND_BITS) - 1) {
            0 => Key::Listener,
            1 => Key::Doorbell,
            2 => Key::Guardian,
            3 => Key::Peer(handle),
            _ => Key::Job(handle),
        }
    }
}
