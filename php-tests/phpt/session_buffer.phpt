--TEST--
an output buffer that a session handler leaves open does not swallow the file
--EXTENSIONS--
send_file
--SKIPIF--
<?php if (!extension_loaded('session')) die('skip session is needed'); ?>
--FILE--
<?php
$file = __DIR__ . '/session_buffer.tmp';
file_put_contents($file, 'the file');
class Handler implements SessionHandlerInterface {
    function open($path, $name): bool { return true; }
    function close(): bool { echo 'printed'; return true; }
    function read($id): string|false { return ''; }
    function write($id, $data): bool { echo 'printed'; ob_start(); echo 'buffered'; return true; }
    function destroy($id): bool { return true; }
    function gc($max): int|false { return 0; }
}
ob_start();
session_set_save_handler(new Handler, false);
session_start(['use_cookies' => false, 'cache_limiter' => '']);
$_SESSION['a'] = 1;
send_file($file);
?>
--CLEAN--
<?php @unlink(__DIR__ . '/session_buffer.tmp');
--EXPECT--
the file
