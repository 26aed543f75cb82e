--TEST--
the request ends as with exit: shutdown functions and destructors run, catch and finally do not
--EXTENSIONS--
send_file
--FILE--
<?php
$log = __DIR__ . '/end_request.log.tmp';
file_put_contents(__DIR__ . '/end_request.tmp', 'the file');
function note($line) {
    file_put_contents($GLOBALS['log'], "$line\n", FILE_APPEND);
}
class Destructed {
    function __destruct() {
        note('destructor');
        echo 'not shown';
    }
}
register_shutdown_function(function () {
    note('shutdown');
    echo 'not shown';
});
$object = new Destructed;
function inner() {
    try {
        send_file(__DIR__ . '/end_request.tmp');
    } catch (Throwable $e) {
        note('catch');
    } finally {
        note('finally');
    }
}
array_map('inner', [1, 2]);
note('after');
?>
--CLEAN--
<?php @unlink(__DIR__ . '/end_request.tmp');
$log = __DIR__ . '/end_request.log.tmp';
if (file_get_contents($log) !== "shutdown\ndestructor\n") {
    echo 'unexpected: ', file_get_contents($log);
}
unlink($log);
--EXPECT--
the file
