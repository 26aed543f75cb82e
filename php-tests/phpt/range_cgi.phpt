--TEST--
a range is answered 206, and a status line of the script does not outlive it
--EXTENSIONS--
send_file
--ENV--
HTTP_RANGE=bytes=2-4
--CGI--
--FILE--
<?php
$file = __DIR__ . '/range_cgi.tmp';
file_put_contents($file, '0123456789');
header('HTTP/1.1 200 OK');
send_file($file, 'text/plain');
?>
--CLEAN--
<?php @unlink(__DIR__ . '/range_cgi.tmp');
--EXPECTHEADERS--
Status: 206 Partial Content
Content-Range: bytes 2-4/10
Content-Length: 3
Content-Type: text/plain
--EXPECT--
234
