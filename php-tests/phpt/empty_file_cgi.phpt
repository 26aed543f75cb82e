--TEST--
an empty file is a good answer of no bytes
--EXTENSIONS--
send_file
--CGI--
--FILE--
<?php
$file = __DIR__ . '/empty_file_cgi.tmp';
file_put_contents($file, '');
send_file($file, 'text/plain', tag: 'order-1');
?>
--CLEAN--
<?php @unlink(__DIR__ . '/empty_file_cgi.tmp');
--EXPECTHEADERS--
Content-Length: 0
Content-Type: text/plain
--EXPECT--

