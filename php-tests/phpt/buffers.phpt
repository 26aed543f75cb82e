--TEST--
output buffers are dropped, their callbacks run, and what they print is not sent
--EXTENSIONS--
send_file
--FILE--
<?php
$file = __DIR__ . '/buffers.tmp';
file_put_contents($file, 'the file');
$log = '';
ob_start(function ($buffer, $phase) use (&$log) {
    $log .= "outer($buffer) ";
    header('X-From-Callback: 1');
    return 'outer';
});
echo 'one';
ob_start(function ($buffer) use (&$log) {
    $log .= "inner($buffer) ";
    return 'inner';
}, 0, 0);
echo 'two';
register_shutdown_function(function () use (&$log, $file) {
    file_put_contents($file, $log . implode(',', preg_grep('/^X-/', headers_list())));
});
send_file($file);
?>
--CLEAN--
<?php
$file = __DIR__ . '/buffers.tmp';
$log = file_get_contents($file);
if (!preg_match('/^inner\(two\) outer\(one\) /', $log)) {
    echo "unexpected: $log";
}
unlink($file);
--EXPECT--
the file
