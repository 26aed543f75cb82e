<?php
// Output has gone out: send_file() cannot answer any more, the script can.
require __DIR__ . '/lib.php';

while (ob_get_level() > 0) {
    ob_end_flush();
}
echo 'sent before. ';
flush();
try {
    send_file(file_of_query(), ...options_of_query());
} catch (SendFile\Exception $e) {
    echo 'caught ', $e::class;
}
