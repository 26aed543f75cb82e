--TEST--
a function of the script that is named like one of PHP is not called
--EXTENSIONS--
send_file
--SKIPIF--
<?php if (function_exists('fastcgi_finish_request')) die('skip it is PHP\'s own here'); ?>
--FILE--
<?php
function fastcgi_finish_request(): bool {
    fwrite(STDERR, 'called');
    file_put_contents(__DIR__ . '/polyfill.tmp', 'called');
    return true;
}
$file = __DIR__ . '/polyfill.tmp';
file_put_contents($file, 'the file');
send_file($file);
?>
--CLEAN--
<?php
$file = __DIR__ . '/polyfill.tmp';
if (file_get_contents($file) !== 'the file') {
    echo 'unexpected: ', file_get_contents($file);
}
unlink($file);
--EXPECT--
the file
