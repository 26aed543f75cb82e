<?php
// Browsers may keep the file, but have to ask each time whether it is still the same.
require __DIR__ . '/lib.php';

header('Cache-Control: no-cache');
send_file(file_of_query(), ...options_of_query());
