--TEST--
send_file() works in a shutdown function; with end_request: false the next ones run
--EXTENSIONS--
send_file
--FILE--
<?php
$file = __DIR__ . '/in_shutdown_function.tmp';
file_put_contents($file, 'the file');
register_shutdown_function(function () use ($file) {
    send_file($file, end_request: false);
});
register_shutdown_function(function () use ($file) {
    unlink($file);
});
?>
--CLEAN--
<?php
if (is_file(__DIR__ . '/in_shutdown_function.tmp')) {
    echo 'the second shutdown function did not run';
}
--EXPECT--
the file
