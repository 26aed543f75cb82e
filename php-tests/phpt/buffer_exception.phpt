--TEST--
an exception of an output callback reaches the script, and nothing is sent
--EXTENSIONS--
send_file
--FILE--
<?php
$file = __DIR__ . '/buffer_exception.tmp';
file_put_contents($file, 'the file');
ob_start(function () {
    throw new DomainException('from the callback');
});
try {
    send_file($file);
} catch (DomainException $e) {
    var_dump(headers_sent(), $e->getMessage());
}
?>
--CLEAN--
<?php @unlink(__DIR__ . '/buffer_exception.tmp');
--EXPECT--
bool(false)
string(17) "from the callback"
