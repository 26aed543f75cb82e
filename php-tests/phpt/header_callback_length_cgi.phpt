--TEST--
a length that a header callback sets does not cut the file short; its other headers count
--EXTENSIONS--
send_file
--CGI--
--FILE--
<?php
$file = __DIR__ . '/header_callback_length_cgi.tmp';
file_put_contents($file, 'the whole file');
header_register_callback(function () {
    header('Content-Length: 5');
    header('Transfer-Encoding: chunked');
    header('X-From-Callback: 1');
    header_register_callback(function () {
        header('Content-Length: 6');
    });
});
register_shutdown_function(function () use ($file) {
    file_put_contents($file, implode("\n", preg_grep('/^(content-length|transfer)/i', headers_list())));
});
send_file($file, 'text/plain');
?>
--CLEAN--
<?php
$file = __DIR__ . '/header_callback_length_cgi.tmp';
if (file_get_contents($file) !== 'Content-Length: 14') {
    echo 'unexpected: ', file_get_contents($file);
}
unlink($file);
--EXPECTHEADERS--
Content-Length: 14
X-From-Callback: 1
--EXPECT--
the whole file
