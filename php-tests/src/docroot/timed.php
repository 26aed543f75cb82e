<?php
// How long the PHP worker is busy with send_file().
require __DIR__ . '/lib.php';

register_shutdown_function(function (int $start): void {
    mark('worker_us', (string) intdiv(hrtime(true) - $start, 1000));
}, hrtime(true));
send_file(file_of_query(), ...options_of_query());
