<?php
// PHP's own output compression must leave the file alone.
require __DIR__ . '/lib.php';

ini_set('zlib.output_compression', '1');
echo 'discarded';
send_file(file_of_query(), ...options_of_query());
