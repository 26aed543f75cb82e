<?php
// Output in nested buffers must not get into the file.
require __DIR__ . '/lib.php';

ob_start();
echo 'outer';
ob_start(fn (string $text) => strtoupper($text));
echo 'inner';
ob_start(null, 4096);
echo str_repeat('innermost', 100);
send_file(file_of_query(), ...options_of_query());
