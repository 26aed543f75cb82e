--TEST--
send_file.fallback=error answers 503 without a word about the file
--EXTENSIONS--
send_file
--INI--
send_file.fallback=error
error_log=/dev/null
--CGI--
--FILE--
<?php
$file = __DIR__ . '/fallback_error_cgi.tmp';
file_put_contents($file, str_repeat('x', 100000));
header('Cache-Control: public, max-age=3600');
header('Content-Disposition: attachment');
send_file($file, 'text/plain');
?>
--CLEAN--
<?php @unlink(__DIR__ . '/fallback_error_cgi.tmp');
--EXPECTHEADERS--
Status: 503 Service Unavailable
Retry-After: 5
Cache-Control: no-store
Content-Length: 50
--EXPECT--
The server is busy. Please try again in a moment.
