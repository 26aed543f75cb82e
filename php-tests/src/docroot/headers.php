<?php
// Headers and cookies of the script go out with the file, and win over the computed ones.
require __DIR__ . '/lib.php';

header('X-Script: kept');
header('Cache-Control: private');
header('Cache-Control: max-age=60', false);
header('Content-Type: application/x-of-the-script');
setcookie('first', '1');
setcookie('second', '2');
send_file(file_of_query(), ...options_of_query());
