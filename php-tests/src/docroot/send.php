<?php
// The plain case: send what the query names, and answer 404 where that fails.
require __DIR__ . '/lib.php';

try {
    send_file(file_of_query(), ...options_of_query());
} catch (SendFile\Exception $e) {
    http_response_code(404);
    header('Content-Type: text/plain');
    echo 'caught ', $e::class, ': ', $e->getMessage();
}
