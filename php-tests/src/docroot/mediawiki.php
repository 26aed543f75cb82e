<?php
// The headers of an access check in front of a wiki's uploads: private, varying, with a date and a length.
require __DIR__ . '/lib.php';

$path = file_of_query();
header('Cache-Control: private');
header('Vary: Cookie');
header("Content-Disposition: inline;filename*=UTF-8''page.bin");
header('Content-Security-Policy: default-src \'none\'');
header('X-Content-Type-Options: nosniff');
header('Last-Modified: ' . gmdate('D, d M Y H:i:s', filemtime($path)) . ' GMT');
header('Content-type: image/png');
header('Content-Length: ' . filesize($path));
while (ob_get_level() > 0 && ob_end_clean()) {
}
send_file($path, ...options_of_query());
