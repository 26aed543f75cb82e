--TEST--
a compressed file keeps the Content-Encoding that the script gave it
--EXTENSIONS--
send_file
--CGI--
--FILE--
<?php
$file = __DIR__ . '/content_encoding_kept_cgi.tmp';
file_put_contents($file, "\x1f\x8bcompressed");
header('Content-Encoding: gzip');
send_file($file, 'text/plain');
?>
--CLEAN--
<?php @unlink(__DIR__ . '/content_encoding_kept_cgi.tmp');
--EXPECTHEADERS--
Content-Encoding: gzip
--EXPECTREGEX--
.*compressed
