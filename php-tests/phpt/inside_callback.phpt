--TEST--
send_file() inside an output callback is refused
--EXTENSIONS--
send_file
--FILE--
<?php
$file = __DIR__ . '/inside_callback.tmp';
file_put_contents($file, 'the file');
ob_start(function ($buffer) use ($file) {
    try {
        send_file($file);
    } catch (SendFile\Exception $e) {
        return "$buffer: " . $e->getMessage();
    }
});
echo 'text';
ob_end_flush();
?>
--CLEAN--
<?php @unlink(__DIR__ . '/inside_callback.tmp');
--EXPECT--
text: send_file(): cannot be called from an output buffer callback
