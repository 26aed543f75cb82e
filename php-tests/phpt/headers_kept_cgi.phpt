--TEST--
headers of the script are kept, repeated ones too, and the content type gets no charset
--EXTENSIONS--
send_file
--CGI--
--FILE--
<?php
$file = __DIR__ . '/headers_kept_cgi.tmp';
file_put_contents($file, 'x');
header('Cache-Control: private', false);
header('Cache-Control: max-age=5', false);
setcookie('a', '1');
setcookie('b', '2');
header('Content-Length: 999');
register_shutdown_function(function () {
    $sent = preg_grep('/^(cache|set-cookie|content)/i', headers_list());
    file_put_contents(__DIR__ . '/headers_kept_cgi.tmp', implode("\n", $sent));
});
send_file($file, 'text/plain', end_request: false);
?>
--CLEAN--
<?php
$file = __DIR__ . '/headers_kept_cgi.tmp';
$expected = ['Cache-Control: private', 'Cache-Control: max-age=5', 'Set-Cookie: a=1', 'Set-Cookie: b=2', 'Content-Type: text/plain', 'Content-Length: 1'];
if (array_diff(explode("\n", file_get_contents($file)), $expected) || array_diff($expected, explode("\n", file_get_contents($file)))) {
    echo 'unexpected: ', file_get_contents($file);
}
unlink($file);
--EXPECTHEADERS--
Content-Length: 1
Content-Type: text/plain
--EXPECT--
x
