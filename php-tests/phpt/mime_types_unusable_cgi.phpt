--TEST--
send_file.mime_types: a file that cannot be read is logged, and the built-in table answers
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
$here = scratch();
file_put_contents('a.txt', '');
mkdir('directory');
posix_mkfifo('fifo', 0600);
file_put_contents('unreadable', 'text/x-mine txt');
chmod('unreadable', 0);
file_put_contents('large', 'text/x-mine txt' . str_repeat("\n", 1 << 20));
file_put_contents('empty', '');
file_put_contents('binary', random_bytes(100) . "\n\xff\xfe \xff\n\0\n\ntext/x-mine txt\n");
foreach (['missing', 'directory', 'fifo', 'unreadable', 'large', 'empty', 'binary'] as $name) {
    $answer = request('send_file("a.txt");', [], ['send_file.mime_types' => "$here/$name"]);
    $log = $name === 'binary' ? preg_replace('/\[.*]/', '[..]', $answer->log) : $answer->log;
    echo "$name: ", $answer->field('Content-Type'), "\n", $log;
}
?>
--EXPECT--
missing: text/plain
send_file.mime_types: No such file or directory (os error 2)
directory: text/plain
send_file.mime_types: not a regular file
fifo: text/plain
send_file.mime_types: not a regular file
unreadable: text/plain
send_file.mime_types: Permission denied (os error 13)
large: text/plain
send_file.mime_types: the file has more than 1048576 bytes
empty: text/plain
binary: text/x-mine
send_file.mime_types: skipped lines [..]
