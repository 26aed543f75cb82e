//! A bug behind three comparisons. Chance would not find it in years; a fuzzer that is guided by the branches and
//! comparisons it sees does so in a second. `fuzz/run.sh` demands that before it believes that there are no other bugs.

pub(crate) fn planted(data: &[u8]) {
    if let Some((number, rest)) = data.split_first_chunk::<8>()
        && u64::from_le_bytes(*number) == 0x0123_4567_89ab_cdef
        && let Some((word, rest)) = rest.split_first_chunk::<4>()
        && word == b"deep"
        && rest.starts_with(b"!")
    {
        panic!("the planted bug was found");
    }
}
