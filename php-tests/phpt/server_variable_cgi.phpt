--TEST--
what the script does to $_SERVER changes nothing
--EXTENSIONS--
send_file
--ENV--
HTTP_RANGE=bytes=-2
--CGI--
--FILE--
<?php
$file = __DIR__ . '/server_variable_cgi.tmp';
file_put_contents($file, '0123456789');
$_SERVER['HTTP_RANGE'] = 'bytes=0-0';
$_SERVER['REQUEST_METHOD'] = 'HEAD';
send_file($file, 'text/plain');
?>
--CLEAN--
<?php @unlink(__DIR__ . '/server_variable_cgi.tmp');
--EXPECTHEADERS--
Content-Range: bytes 8-9/10
--EXPECT--
89
