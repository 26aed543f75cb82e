<?php
// Asks which way files go, twice, and sends one.
require __DIR__ . '/lib.php';

header('X-Route: ' . send_file_route());
header('X-Route-Again: ' . send_file_route());
send_file(file_of_query(), ...options_of_query());
