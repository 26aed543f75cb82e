<?php
// How long the call itself takes, from one statement to the next.
$path = dirname(__DIR__, 2) . '/files/' . $_GET['file'];
$start = hrtime(true);
send_file($path, end_request: false);
$nanoseconds = hrtime(true) - $start;
file_put_contents(dirname(__DIR__, 2) . '/times.fifo', "$nanoseconds\n");
