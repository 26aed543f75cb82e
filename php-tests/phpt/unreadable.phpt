--TEST--
a file that the worker may not read is a SendFile\Exception
--EXTENSIONS--
send_file
--SKIPIF--
<?php if (!function_exists('posix_geteuid') || posix_geteuid() === 0) die('skip not for root'); ?>
--FILE--
<?php
$file = __DIR__ . '/unreadable.tmp';
file_put_contents($file, 'secret');
chmod($file, 0);
try {
    send_file($file);
} catch (SendFile\Exception $e) {
    echo $e->getMessage();
}
?>
--CLEAN--
<?php @unlink(__DIR__ . '/unreadable.tmp');
--EXPECT--
send_file(): cannot open the file: Permission denied
