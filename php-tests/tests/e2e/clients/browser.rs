//! Chromium: a player that jumps ahead, and the cache.

use std::io::{BufWriter, Write};
use std::sync::OnceLock;

use anyhow::ensure;
use send_file_php_tests::browser::{Browser, Exchange};
use send_file_php_tests::case::Case;
use send_file_php_tests::files::{Sample, hex};
use serde_json::json;

use super::shared;
use crate::{Body, named};

pub(super) const CASES: &[(&str, Body)] = named![
    a_player_jumps_ahead_by_a_range,
    a_cached_file_is_asked_for_again_and_not_sent_again,
];

/// 35 MB: more than Chromium reads ahead.
const SECONDS: u64 = 200;

/// Where the player jumps to.
const NEAR_THE_END: u64 = 190;

fn a_player_jumps_ahead_by_a_range(case: &Case) -> anyhow::Result<()> {
    static SOUND: OnceLock<Sample> = OnceLock::new();
    let sound = shared(&SOUND, || {
        Sample::create_with("sound.wav", |file| write_sound(&mut BufWriter::new(file)))
    })?;
    let mut browser = Browser::start()?;
    let (url, tag) = case.url("player.php", &format!("file={}", sound.name));
    browser.open(&url)?;
    let played = browser.evaluate(&format!("seekAndListen({NEAR_THE_END})"))?;
    let number = |name: &str| played[name].as_f64().unwrap_or(f64::NAN);
    ensure!(number("duration") == SECONDS as f64, "played {played}");
    ensure!(number("from") < 60.0, "it did not jump ahead: {played}");
    ensure!(number("second") >= NEAR_THE_END as f64, "played {played}");
    ensure!(
        (number("heard") - number("expected")).abs() < 20.0,
        "what is heard is another part of the file: {played}"
    );

    let from_the_end = |exchange: &Exchange| exchange.first_byte() > Some(sound.len / 2);
    let exchanges = browser.wait_for_exchanges(&format!("send.php?tag={tag}&"), |exchanges| {
        exchanges.iter().any(from_the_end)
    })?;
    ensure!(
        exchanges.iter().all(|exchange| exchange.status == 206),
        "the answers are {exchanges:?}"
    );
    if case.has_manager() {
        // The last one goes on as long as the browser plays.
        drop(browser);
        case.stack.manager().wait_for_jobs(&tag, exchanges.len())?;
    }
    Ok(())
}

/// 16-bit PCM, a square wave whose pitch tells the second as `player.php` says.
fn write_sound(out: &mut impl Write) -> std::io::Result<()> {
    const RATE: u64 = 44_100;
    const CHANNELS: u64 = 2;
    const FRAME_BYTES: u64 = CHANNELS * 2;
    let data_bytes = (SECONDS * RATE * FRAME_BYTES) as u32;
    out.write_all(b"RIFF")?;
    out.write_all(&(36 + data_bytes).to_le_bytes())?;
    out.write_all(b"WAVEfmt ")?;
    out.write_all(&16_u32.to_le_bytes())?;
    out.write_all(&1_u16.to_le_bytes())?;
    out.write_all(&(CHANNELS as u16).to_le_bytes())?;
    out.write_all(&(RATE as u32).to_le_bytes())?;
    out.write_all(&((RATE * FRAME_BYTES) as u32).to_le_bytes())?;
    out.write_all(&(FRAME_BYTES as u16).to_le_bytes())?;
    out.write_all(&16_u16.to_le_bytes())?;
    out.write_all(b"data")?;
    out.write_all(&data_bytes.to_le_bytes())?;
    for second in 0..SECONDS {
        let pitch_hz = 500 + 10 * second;
        for frame in 0..RATE {
            let high = (frame * pitch_hz * 2 / RATE).is_multiple_of(2);
            let level: i16 = if high { 8000 } else { -8000 };
            out.write_all(&[level.to_le_bytes(), level.to_le_bytes()].concat())?;
        }
    }
    out.flush()
}

fn a_cached_file_is_asked_for_again_and_not_sent_again(case: &Case) -> anyhow::Result<()> {
    let page = &case.files.page;
    let mut browser = Browser::start()?;
    browser.open(&case.url("page.php", "").0)?;
    let (url, tag) = case.url("no_cache.php", &format!("file={}", page.name));
    for _ in 0..2 {
        let got = browser.evaluate(&FETCH.replace("URL", &url))?;
        let expected = json!([200, hex(&page.sha())]);
        ensure!(got == expected, "the page got {got}");
    }
    let exchanges = browser.wait_for_exchanges(&url, |exchanges| exchanges.len() == 2)?;
    let statuses: Vec<u64> = exchanges.iter().map(|exchange| exchange.status).collect();
    ensure!(statuses == [200, 304], "on the wire were {statuses:?}");
    if case.has_manager() {
        case.job_is_whole(&tag, page.len)?;
    }
    Ok(())
}

/// The status and the SHA-256 that a script in the page gets.
const FETCH: &str = "(async () => {
    const response = await fetch('URL');
    const sha = new Uint8Array(await crypto.subtle.digest('SHA-256', await response.arrayBuffer()));
    return [response.status, Array.from(sha, byte => byte.toString(16).padStart(2, '0')).join('')];
})()";
