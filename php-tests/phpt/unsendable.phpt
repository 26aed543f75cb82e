--TEST--
what is no readable regular file is a SendFile\Exception, at once and without a path in its message
--EXTENSIONS--
send_file
--SKIPIF--
<?php if (!function_exists('posix_mkfifo')) die('skip posix is needed'); ?>
--FILE--
<?php
$fifo = __DIR__ . '/unsendable.fifo';
posix_mkfifo($fifo, 0600);
$started = microtime(true);
foreach (['missing' => __DIR__ . '/unsendable.missing', 'directory' => __DIR__, 'FIFO' => $fifo, 'device' => '/dev/zero', 'below a file' => __FILE__ . '/x', 'too long' => str_repeat('x', 5000)] as $what => $path) {
    try {
        send_file($path);
    } catch (SendFile\Exception $e) {
        $messages[] = "$what: " . $e->getMessage();
    }
}
var_dump(headers_sent(), microtime(true) - $started < 2);
echo implode("\n", $messages);
?>
--CLEAN--
<?php unlink(__DIR__ . '/unsendable.fifo');
--EXPECT--
bool(false)
bool(true)
missing: send_file(): cannot open the file: No such file or directory
directory: send_file(): the file is a directory, only regular files can be sent
FIFO: send_file(): the file is a FIFO, only regular files can be sent
device: send_file(): the file is a device, only regular files can be sent
below a file: send_file(): cannot open the file: Not a directory
too long: send_file(): cannot open the file: File name too long
