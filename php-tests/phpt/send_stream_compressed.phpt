--TEST--
send_stream() refuses a stream that is decompressed as it is read
--EXTENSIONS--
send_file
zlib
--FILE--
<?php
$file = __DIR__ . '/send_stream_compressed.tmp';
file_put_contents($file, gzencode('text'));
foreach (["compress.zlib://$file", "php://filter/read=zlib.inflate/resource=$file"] as $url) {
    try {
        send_stream(fopen($url, 'r'));
    } catch (ValueError $e) {
        $messages[] = $e->getMessage();
    }
}
try {
    send_stream(gzopen($file, 'r'));
} catch (ValueError $e) {
    $messages[] = $e->getMessage();
}
var_dump(headers_sent());
echo implode("\n", $messages);
?>
--CLEAN--
<?php @unlink(__DIR__ . '/send_stream_compressed.tmp');
--EXPECT--
bool(false)
send_stream(): Argument $stream must be an open regular file, tmpfile(), php://temp or php://memory
send_stream(): Argument $stream must not have filters
send_stream(): Argument $stream must be an open regular file, tmpfile(), php://temp or php://memory
