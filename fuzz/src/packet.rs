//! The decoders of the handoff protocol.

use send_file_wire::limits::{HEAD_BYTES, MAX_PACKET_BYTES, MAX_PARTS, MAX_TAG_BYTES};
use send_file_wire::{Announcement, Answer, Commit, Offer, Part};

/// A packet that is read is the one that would be written; what is claimed of it is what it says.
pub fn packet(data: &[u8]) {
    let offer = Offer::decode(data);
    let answer = Answer::decode(data);
    let commit = Commit::decode(data);
    let announcement = Announcement::decode(data);
    let kinds = [
        offer.is_ok(),
        answer.is_ok(),
        commit.is_ok(),
        announcement.is_ok(),
    ];
    assert!(
        kinds.iter().filter(|is_one| **is_one).count() <= 1,
        "{kinds:?}"
    );
    let claimed_id = Offer::claimed_id(data);
    if let Ok(offer) = offer {
        assert_eq!(offer.encode().as_deref(), Ok(data));
        assert_eq!(offer.id, claimed_id);
        let head = &data[..data.len().min(HEAD_BYTES)];
        assert_eq!(Offer::claimed_length(head), Some(data.len()));
        assert_sound(&offer, data.len());
    }
    if let Ok(answer) = answer {
        assert_eq!(answer.encode(), data);
        let (Answer::Accept(id) | Answer::Reject(id, _)) = answer;
        assert_eq!(id, claimed_id);
    }
    if announcement.is_ok() {
        assert_eq!(Announcement.encode(), data);
        assert_eq!(Offer::claimed_length(data), Some(data.len()));
    }
    if let Ok(commit) = commit {
        assert_eq!(commit.encode(), data);
        assert_eq!(commit.0, claimed_id);
    }
}

/// What the manager relies on without asking again.
fn assert_sound(offer: &Offer, packet_bytes: usize) {
    assert!(packet_bytes <= MAX_PACKET_BYTES);
    assert!((1..=MAX_PARTS).contains(&offer.parts.len()));
    assert!(offer.tag.len() <= MAX_TAG_BYTES);
    let mut body_bytes = 0u64;
    for part in &offer.parts {
        assert!(!part.is_empty());
        body_bytes = body_bytes.checked_add(part.len()).expect("no overflow");
        if let Part::Span { offset, len } = part {
            let end = offset.checked_add(*len).expect("no overflow");
            assert!(i64::try_from(end).is_ok());
        }
    }
    assert_eq!(body_bytes, offer.body_bytes());
    assert!(i64::try_from(body_bytes).is_ok());
}
