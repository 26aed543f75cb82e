--TEST--
an offset beyond the end is a SendFile\Exception, and the script can still answer
--EXTENSIONS--
send_file
--FILE--
<?php
$file = __DIR__ . '/window_beyond_end.tmp';
file_put_contents($file, '0123456789');
ob_start(fn($text) => "in the buffer: $text");
echo "still there\n";
foreach ([11, PHP_INT_MAX] as $offset) {
    try {
        send_file($file, offset: $offset);
    } catch (SendFile\Exception $e) {
        echo get_class($e), ': ', $e->getMessage(), "\n";
    }
}
try {
    send_buffer('abc', offset: 4, length: 0);
} catch (SendFile\Exception $e) {
    echo $e->getMessage(), "\n";
}
var_dump(headers_sent(), ob_get_level());
?>
--CLEAN--
<?php @unlink(__DIR__ . '/window_beyond_end.tmp');
--EXPECT--
in the buffer: still there
SendFile\Exception: send_file(): the offset lies beyond the end of the content
SendFile\Exception: send_file(): the offset lies beyond the end of the content
send_buffer(): the offset lies beyond the end of the content
bool(false)
int(1)
