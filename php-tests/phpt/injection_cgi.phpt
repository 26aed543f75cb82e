--TEST--
quotes, semicolons and other letters in download_as stay inside one header
--EXTENSIONS--
send_file
--CGI--
--FILE--
<?php
$file = __DIR__ . '/injection_cgi.tmp';
file_put_contents($file, 'x');
send_file($file, 'text/plain', "../a\"; filename=evil.exe; x=\u{e4}.txt");
?>
--CLEAN--
<?php @unlink(__DIR__ . '/injection_cgi.tmp');
--EXPECTHEADERS--
Content-Disposition: attachment; filename="a_; filename=evil.exe; x=_.txt"; filename*=UTF-8''a%22%3B%20filename%3Devil.exe%3B%20x%3D%C3%A4.txt
Content-Length: 1
--EXPECT--
x
