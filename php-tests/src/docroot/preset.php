<?php
// The script has set these header lines, each as header() takes it, before it sends the file.
require __DIR__ . '/lib.php';

foreach ($_GET['header'] ?? [] as $line) {
    header($line, false);
}
send_file(file_of_query(), ...options_of_query());
