--TEST--
a relative name where there is no current directory does not wait for a FIFO
--EXTENSIONS--
send_file
--SKIPIF--
<?php if (PHP_ZTS) die('skip the current directory is virtual'); ?>
--FILE--
<?php
$dir = __DIR__ . '/relative_nowhere.dir';
mkdir("$dir/sub", 0777, true);
exec('mkfifo ' . escapeshellarg("$dir/fifo"));
file_put_contents("$dir/file", 'found');
chdir("$dir/sub");
rmdir("$dir/sub");
foreach (['../fifo', '../file'] as $name) {
    try {
        send_file($name);
    } catch (SendFile\Exception $e) {
        fwrite(STDOUT, $e->getMessage() . "\n");
    }
}
send_file("$dir/file");
?>
--CLEAN--
<?php
$dir = __DIR__ . '/relative_nowhere.dir';
unlink("$dir/fifo"); unlink("$dir/file"); rmdir($dir);
--EXPECT--
send_file(): cannot open the file: No such file or directory
send_file(): cannot open the file: No such file or directory
found
