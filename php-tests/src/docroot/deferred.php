<?php
// Work that a framework does once the answer is out; it ends when the test says so. What it prints or sets vanishes.
require __DIR__ . '/lib.php';

// As long as a test waits for anything; then the work is given up.
const PATIENCE_SECS = 15;

if (isset($_GET['session'])) {
    session_save_path(dirname(__DIR__) . '/sessions');
    session_id('ofdeferredwork');
    session_start();
}
send_file(file_of_query(), ...options_of_query(), end_request: false);
mark('deferred');
$until = time() + PATIENCE_SECS;
while (!wait_is_over() && time() < $until) {
    usleep(5000);
}
header('X-Late: 1');
setcookie('late', '1');
http_response_code(404);
echo str_repeat('printed late ', 10_000);
while (ob_get_level() > 0) {
    ob_end_flush();
}
flush();
mark('done', wait_is_over() ? 'released' : 'never released');

function wait_is_over(): bool
{
    clearstatcache();
    return is_file(dirname(__DIR__, 2) . '/marks/' . $_GET['tag'] . '.release');
}
