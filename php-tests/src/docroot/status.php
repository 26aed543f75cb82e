<?php
// A status of the script's choice.
require __DIR__ . '/lib.php';

http_response_code((int) $_GET['status']);
send_file(file_of_query(), ...options_of_query());
