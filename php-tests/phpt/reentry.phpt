--TEST--
send_file() inside send_file() is refused, the outer call is not harmed
--EXTENSIONS--
send_file
--FILE--
<?php
$file = __DIR__ . '/reentry.tmp';
file_put_contents($file, 'the file');
$message = null;
ob_start(function () use ($file, &$message) {
    try {
        send_file($file);
    } catch (SendFile\Exception $e) {
        $message = $e->getMessage();
    }
    return '';
});
send_file($file, end_request: false);
file_put_contents($file, $message);
?>
--CLEAN--
<?php
$file = __DIR__ . '/reentry.tmp';
if (file_get_contents($file) !== 'send_file(): another call is in progress') {
    echo 'unexpected: ', file_get_contents($file);
}
unlink($file);
--EXPECT--
the file
