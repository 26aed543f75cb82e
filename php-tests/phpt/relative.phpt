--TEST--
a relative name is resolved as fopen() does
--EXTENSIONS--
send_file
--FILE--
<?php
$dir = __DIR__ . '/relative.dir';
mkdir("$dir/sub", 0777, true);
file_put_contents("$dir/file", 'found');
chdir("$dir/sub");
send_file('../file');
?>
--CLEAN--
<?php
$dir = __DIR__ . '/relative.dir';
unlink("$dir/file"); rmdir("$dir/sub"); rmdir($dir);
--EXPECT--
found
