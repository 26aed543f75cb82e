--TEST--
an exception of a session handler reaches the script, and nothing is sent
--EXTENSIONS--
send_file
--SKIPIF--
<?php if (!extension_loaded('session')) die('skip session is needed'); ?>
--FILE--
<?php
$file = __DIR__ . '/session_exception.tmp';
file_put_contents($file, 'the file');
class Handler implements SessionHandlerInterface {
    function open($path, $name): bool { return true; }
    function close(): bool { return true; }
    function read($id): string|false { return ''; }
    function write($id, $data): bool { throw new DomainException('cannot write'); }
    function destroy($id): bool { return true; }
    function gc($max): int|false { return 0; }
}
session_set_save_handler(new Handler, false);
session_start(['use_cookies' => false, 'cache_limiter' => '']);
$_SESSION['a'] = 1;
try {
    send_file($file);
} catch (DomainException $e) {
    var_dump(headers_sent(), $e->getMessage());
}
?>
--CLEAN--
<?php @unlink(__DIR__ . '/session_exception.tmp');
--EXPECT--
bool(false)
string(12) "cannot write"
