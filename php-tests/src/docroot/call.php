<?php
// How long the call itself takes, from one statement to the next.
require __DIR__ . '/lib.php';

$path = file_of_query();
$start = hrtime(true);
send_file($path, tag: $_GET['tag'], end_request: false);
mark('call_ns', (string) (hrtime(true) - $start));
