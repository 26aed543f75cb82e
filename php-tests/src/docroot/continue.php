<?php
// With end_request: false the script goes on, and nothing it prints gets anywhere.
require __DIR__ . '/lib.php';

send_file(file_of_query(), ...options_of_query(), end_request: false);
echo str_repeat('printed afterwards ', 10_000);
flush();
mark('after');
