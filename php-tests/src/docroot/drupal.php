<?php
// A private file of a content management system: its dates, its cache words, its status line in the server's version.
require __DIR__ . '/lib.php';

$path = file_of_query();
header(($_SERVER['SERVER_PROTOCOL'] ?? 'HTTP/1.1') . ' 200 OK');
header('Cache-Control: must-revalidate, no-cache, private');
header('Expires: Sun, 19 Nov 1978 05:00:00 GMT');
header('X-Generator: CMS 10');
header('X-Frame-Options: SAMEORIGIN');
header('Content-Language: de');
header('Content-Type: text/plain; charset=UTF-8');
header('Content-Length: ' . filesize($path));
header('Last-Modified: ' . gmdate('D, d M Y H:i:s', filemtime($path)) . ' GMT');
send_file($path, ...options_of_query(), end_request: false);
echo 'what the terminate event prints';
