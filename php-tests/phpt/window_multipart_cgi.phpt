--TEST--
several ranges of a window come as the parts of one body
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
scratch();
file_put_contents('f.txt', '0123456789');
$answer = request("send_file('f.txt', offset: 2, length: 5);", ['Range' => 'bytes=0-0,-1,9-10']);
[$type, $boundary] = explode('boundary=', $answer->field('Content-Type'));
var_dump($type, $answer->status, (int) $answer->field('Content-Length') === strlen($answer->body));
echo str_replace(["--$boundary", "\r"], ['[boundary]', ''], $answer->body);
?>
--EXPECT--
string(22) "multipart/byteranges; "
int(206)
bool(true)
[boundary]
Content-Type: text/plain
Content-Range: bytes 0-0/5

2
[boundary]
Content-Type: text/plain
Content-Range: bytes 4-4/5

6
[boundary]--
