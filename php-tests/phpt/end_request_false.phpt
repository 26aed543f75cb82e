--TEST--
end_request: false returns; later output and headers vanish without a warning
--EXTENSIONS--
send_file
--FILE--
<?php
$file = __DIR__ . '/end_request_false.tmp';
file_put_contents($file, 'the file');
send_file($file, end_request: false);
echo 'not shown';
header('X-Late: 1');
setcookie('late', '1');
http_response_code(500);
ob_start(fn($buffer) => "not shown either $buffer");
echo 'nor this';
ob_end_flush();
fwrite(STDERR, headers_sent() ? "\nheaders are sent\n" : "\nnot sent\n");
try {
    send_file($file);
} catch (SendFile\Exception $e) {
    fwrite(STDERR, $e->getMessage());
}
file_put_contents($file, 'went on');
register_shutdown_function(function () use ($file) {
    unlink($file);
});
?>
--EXPECT--
the file
headers are sent
send_file(): the response headers have already been sent
