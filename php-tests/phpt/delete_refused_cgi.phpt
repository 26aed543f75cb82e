--TEST--
delete: where the file cannot be deleted it is sent all the same, and the log says so
--EXTENSIONS--
send_file
--SKIPIF--
<?php
require __DIR__ . '/cgi_skip.inc';
if (!function_exists('posix_geteuid') || posix_geteuid() === 0) die('skip not for root');
?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
scratch();
mkdir('d');
file_put_contents('d/f.txt', '0123456789');
chmod('d', 0555);
$answer = request("send_file('d/f.txt', delete: true);");
chmod('d', 0755);
echo $answer->show(), "\n", file_get_contents('d/f.txt'), "\n", $answer->log;
?>
--EXPECT--
200 | 0123456789
0123456789
send_file(): the file was not deleted: Permission denied
