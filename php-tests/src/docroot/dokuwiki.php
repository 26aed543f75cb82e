<?php
// The headers of a wiki's fetch script: an age for the cache, an entity tag of the date, its own gzip.
require __DIR__ . '/lib.php';

$path = file_of_query();
$date = filemtime($path);
header('Content-Type: text/css; charset=utf-8');
header('Expires: ' . gmdate('D, d M Y H:i:s', 784111777) . ' GMT');
header('Cache-Control: public, proxy-revalidate, no-transform, max-age=604800');
header('Pragma: public');
header('Last-Modified: ' . gmdate('D, d M Y H:i:s', $date) . ' GMT');
header('ETag: "' . md5((string) $date) . '"');
header('Vary: Accept-Encoding');
if (str_ends_with($path, '.gz')) {
    header('Content-Encoding: gzip');
}
header('Accept-Ranges: bytes');
send_file($path, ...options_of_query());
