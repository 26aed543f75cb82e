<?php
// How long the headers of such an answer take on their way out. It needs a byte of a body to set them off.
$start = hrtime(true);
header('Content-Type: application/octet-stream');
header('Content-Length: 12');
header('Accept-Ranges: bytes');
header('ETag: "1dcd6500-6540d5a0b7b80-1a2b3c"');
header('Last-Modified: Mon, 02 Nov 2026 12:00:00 GMT');
header('Content-Disposition: attachment; filename="call-100000.bin"');
header('Connection: close');
echo 'h';
flush();
$nanoseconds = hrtime(true) - $start;
echo 'ello, world';
file_put_contents(dirname(__DIR__, 2) . '/times.fifo', "$nanoseconds\n");
