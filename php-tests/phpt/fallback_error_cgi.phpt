--TEST--
send_file.fallback=error answers 503 without a word about the file
--EXTENSIONS--
send_file
--INI--
send_file.fallback=error
error_log=/dev/null
--CGI--
--FILE--
<?php
$file = __DIR__ . '/fallback_error_cgi.tmp';
file_put_contents($file, str_repeat('x', 100000));
header('Cache-Control: public, max-age=3600');
foreach (['Content-Disposition', 'Content-Digest', 'Content-MD5', 'Content-Location', 'Repr-Digest', 'Digest', 'ETag'] as $name) {
    header("$name: of the file");
}
register_shutdown_function(function () use ($file) {
    file_put_contents($file, implode("\n", preg_grep('/of the file/', headers_list())));
});
send_file($file, 'text/plain');
?>
--CLEAN--
<?php
$file = __DIR__ . '/fallback_error_cgi.tmp';
if (file_get_contents($file) !== '') {
    echo 'unexpected: ', file_get_contents($file);
}
unlink($file);
--EXPECTHEADERS--
Status: 503 Service Unavailable
Retry-After: 5
Cache-Control: no-store
Content-Length: 50
--EXPECT--
The server is busy. Please try again in a moment.
