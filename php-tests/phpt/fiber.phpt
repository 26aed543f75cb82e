--TEST--
a fiber cannot be suspended inside the call, which would never end; the next call works, and no descriptor is left
--EXTENSIONS--
send_file
--SKIPIF--
<?php
if (!is_dir('/proc/self/fd')) die('skip /proc is needed');
if (!extension_loaded('session')) die('skip session is needed');
?>
--FILE--
<?php
$file = __DIR__ . '/fiber.tmp';
file_put_contents($file, 'the file');
$open = fn() => count(array_filter(scandir('/proc/self/fd'), fn($fd) => @readlink("/proc/self/fd/$fd") === $file));
class Handler implements SessionHandlerInterface {
    public bool $suspend = true;
    function open($path, $name): bool { return true; }
    function close(): bool { return true; }
    function read($id): string|false { return ''; }
    function write($id, $data): bool {
        if ($this->suspend) Fiber::suspend();
        // Outside of a fiber, others may come and go.
        return (new Fiber(fn() => Fiber::suspend() ?? true))->start() ?? true;
    }
    function destroy($id): bool { return true; }
    function gc($max): int|false { return 0; }
}
$handler = new Handler;
session_set_save_handler($handler, false);
session_start(['use_cookies' => false, 'cache_limiter' => '']);
$_SESSION['a'] = 1;
$fiber = new Fiber(function () use ($file) {
    try {
        send_file($file);
    } catch (FiberError $e) {
        fwrite(STDOUT, $e->getMessage() . "\n");
    }
    Fiber::suspend('may be suspended again');
});
fwrite(STDOUT, $fiber->start() . ', ' . $open() . " descriptors\n");
$handler->suspend = false;
session_start(['use_cookies' => false, 'cache_limiter' => '']);
$_SESSION['a'] = 2;
send_file($file);
?>
--CLEAN--
<?php @unlink(__DIR__ . '/fiber.tmp');
--EXPECT--
Cannot switch fibers in current execution context
may be suspended again, 0 descriptors
the file
