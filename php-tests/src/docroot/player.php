<?php
// Plays the file of the query, whose pitch tells the second: 500 Hz at the start, 10 Hz more each second.
?>
<!DOCTYPE html>
<title>Player</title>
<audio preload="metadata" src="send.php?<?= htmlspecialchars($_SERVER['QUERY_STRING']) ?>"></audio>
<script>
const audio = document.querySelector('audio');

function happens(event) {
    return new Promise((resolve, reject) => {
        audio.addEventListener(event, resolve, { once: true });
        audio.addEventListener('error', () => reject(new Error(audio.error.message)), { once: true });
    });
}

async function seekAndListen(second) {
    const playing = happens('playing');
    await audio.play();
    await playing;
    const from = audio.currentTime;
    const seeked = happens('seeked');
    audio.currentTime = second;
    await seeked;
    return { duration: audio.duration, from, ...await pitch() };
}

// The pitch that is heard, once it fits to the second; or the one heard last.
async function pitch() {
    const context = new AudioContext();
    const analyser = new AnalyserNode(context, { fftSize: 8192 });
    new MediaElementAudioSourceNode(context, { mediaElement: audio }).connect(analyser);
    const levels = new Float32Array(analyser.frequencyBinCount);
    const deadline = performance.now() + 5000;
    for (;;) {
        analyser.getFloatFrequencyData(levels);
        const loudest = levels.indexOf(Math.max(...levels));
        const heard = loudest * context.sampleRate / analyser.fftSize;
        const second = audio.currentTime;
        const expected = 500 + 10 * second;
        if (Math.abs(heard - expected) < 20 || performance.now() > deadline) {
            return { second, heard, expected };
        }
        await new Promise(resolve => setTimeout(resolve, 10));
    }
}
</script>
