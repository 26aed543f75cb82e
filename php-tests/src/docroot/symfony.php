<?php
// The headers of a BinaryFileResponse after prepare(): a status line, a length, validators, and a part if one is asked for.
require __DIR__ . '/lib.php';

$path = file_of_query();
$size = filesize($path);
$status = 200;
$headers = [
    'Cache-Control' => 'public',
    'Date' => gmdate('D, d M Y H:i:s', 784111777) . ' GMT',
    'Last-Modified' => gmdate('D, d M Y H:i:s', filemtime($path)) . ' GMT',
    'ETag' => '"of-the-framework"',
    'Content-Disposition' => 'attachment; filename=report.pdf',
    'Accept-Ranges' => 'bytes',
    'Content-Type' => 'application/pdf',
    'Content-Length' => $size,
];
if (isset($_GET['own_part']) && preg_match('/^bytes=(\d+)-(\d+)$/', $_SERVER['HTTP_RANGE'] ?? '', $range)) {
    $status = 206;
    $headers['Content-Range'] = "bytes $range[1]-$range[2]/$size";
    $headers['Content-Length'] = $range[2] - $range[1] + 1;
}
foreach ($headers as $name => $value) {
    header("$name: $value", true, $status);
}
setcookie('session', 's1');
setcookie('XSRF-TOKEN', 'x1');
header('HTTP/1.1 ' . ($status === 206 ? '206 Partial Content' : '200 OK'), true, $status);
send_file($path, ...options_of_query());
