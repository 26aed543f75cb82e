--TEST--
an etag may have 256 bytes and no more
--EXTENSIONS--
send_file
--FILE--
<?php
foreach (['"' . str_repeat('x', 255) . '"', str_repeat('x', 257)] as $etag) {
    try {
        send_buffer('not sent', etag: $etag);
    } catch (ValueError $e) {
        $messages[] = $e->getMessage();
    }
}
register_shutdown_function(fn() => fwrite(STDERR, implode("\n", $messages)));
send_buffer("sent\n", etag: str_repeat('x', 256));
?>
--EXPECT--
sent
send_buffer(): Argument $etag must not be longer than 256 bytes
send_buffer(): Argument $etag must not be longer than 256 bytes
