--TEST--
delete: a name that is not, or no longer, that of the file stays, and the log says so
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
scratch();
$log = fn($answer) => preg_replace('/^\[.*?\] /', '', trim($answer->log));

echo "replaced by a callback while the call is in progress\n";
file_put_contents('f.txt', 'first');
file_put_contents('g.txt', 'second');
$answer = request(<<<'CODE'
    header_register_callback(fn() => rename('g.txt', 'f.txt'));
    send_file('f.txt', delete: true);
    CODE);
echo $answer->show(), "\n", file_get_contents('f.txt'), "\n", $log($answer), "\n";

echo "moved away by it\n";
$answer = request(<<<'CODE'
    header_register_callback(fn() => rename('f.txt', 'g.txt'));
    send_file('f.txt', delete: true);
    CODE);
echo $answer->show(), "\n", file_get_contents('g.txt'), "\n", $log($answer), "\n";

echo "one of two names\n";
link('g.txt', 'h.txt');
$answer = request("send_file('g.txt', delete: true);");
clearstatcache();
echo $answer->show(), "\n", file_exists('g.txt') ? 'g' : '', file_get_contents('h.txt'), "\n", $log($answer), "\n";
?>
--EXPECT--
replaced by a callback while the call is in progress
200 | first
second
send_file(): the file was not deleted: its name is that of another file, or of a symbolic link
moved away by it
200 | second
second
send_file(): the file was not deleted: No such file or directory
one of two names
200 | second
second

