<?php
// A string that is sent like a file.
require __DIR__ . '/lib.php';

send_buffer(file_get_contents(file_of_query()), ...options_of_query());
