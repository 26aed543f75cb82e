--TEST--
an exception of a header callback reaches the script, which can still answer
--EXTENSIONS--
send_file
--CGI--
--FILE--
<?php
$file = __DIR__ . '/header_callback_exception_cgi.tmp';
file_put_contents($file, 'the whole file');
header_register_callback(function () {
    throw new DomainException('early');
});
try {
    send_file($file, 'text/plain');
} catch (DomainException $e) {
    http_response_code(500);
    echo $e->getMessage(), ', content length set: ', count(preg_grep('/^content-length/i', headers_list()));
}
?>
--CLEAN--
<?php @unlink(__DIR__ . '/header_callback_exception_cgi.tmp');
--EXPECTHEADERS--
Status: 500 Internal Server Error
--EXPECT--
early, content length set: 0
