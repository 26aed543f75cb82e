--TEST--
a file name with a line end, which may exist, shows up in no header and no message
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
scratch();
$name = "a\r\nX-Evil: 1\r\n.txt\r\nX-Evil: 2";
file_put_contents($name, 'content');
$answer = request('send_file(hex2bin("' . bin2hex($name) . '"));');
echo $answer->show('Content-Type', 'X-Evil'), "\n";
$answer = request('try { send_file(hex2bin("' . bin2hex("$name missing") . '")); } catch (SendFile\Exception $e) { header("X-Message: " . $e->getMessage()); }');
echo $answer->show('X-Message', 'X-Evil'), "\n";
?>
--EXPECT--
200 | application/octet-stream | - | content
200 | send_file(): cannot open the file: No such file or directory | - | no body
