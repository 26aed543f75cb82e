<?php
// A file share: WebDAV's validators, a policy, `public` words that contradict each other.
require __DIR__ . '/lib.php';

$path = file_of_query();
header("Content-Disposition: attachment; filename*=UTF-8''gr%C3%BC%C3%9Fe.bin; filename=\"gr__e.bin\"");
header('Content-Transfer-Encoding: binary', true);
header('Pragma: public');
header('Expires: 0');
header('Cache-Control: must-revalidate, post-check=0, pre-check=0');
header('Cache-Control: public, must-revalidate', false);
header('X-Accel-Buffering: no');
header('OC-ETag: "5f1e"');
header('ETag: "5f1e"');
header("Content-Security-Policy: default-src 'none';");
header('Content-Type: application/octet-stream');
header('Content-Length: ' . filesize($path));
http_response_code(200);
send_file($path, ...options_of_query());
