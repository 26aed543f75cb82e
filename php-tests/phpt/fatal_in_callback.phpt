--TEST--
a fatal error in an output callback ends the script as ever; the descriptor is closed
--EXTENSIONS--
send_file
--SKIPIF--
<?php if (!is_dir('/proc/self/fd')) die('skip /proc is needed'); ?>
--FILE--
<?php
$file = __DIR__ . '/fatal_in_callback.tmp';
file_put_contents($file, 'the file');
$open = fn() => count(array_filter(scandir('/proc/self/fd'), fn($fd) => @readlink("/proc/self/fd/$fd") === $file));
register_shutdown_function(function () use ($open) {
    echo "\ndescriptors left: ", $open();
});
ob_start(function () {
    ob_start();
});
send_file($file);
?>
--CLEAN--
<?php @unlink(__DIR__ . '/fatal_in_callback.tmp');
--EXPECTF--
%AFatal error: ob_start(): Cannot use output buffering in output buffering display handlers in %s on line %d

descriptors left: 0
