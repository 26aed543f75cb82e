--TEST--
an exception of a header callback comes after the whole answer
--EXTENSIONS--
send_file
--CGI--
--FILE--
<?php
$file = __DIR__ . '/header_callback_exception_cgi.tmp';
file_put_contents($file, 'the whole file');
header_register_callback(function () {
    throw new DomainException('late');
});
try {
    send_file($file, 'text/plain');
} catch (DomainException $e) {
    file_put_contents($file, $e->getMessage());
}
?>
--CLEAN--
<?php
$file = __DIR__ . '/header_callback_exception_cgi.tmp';
if (file_get_contents($file) !== 'late') {
    echo 'unexpected: ', file_get_contents($file);
}
unlink($file);
--EXPECTHEADERS--
Content-Length: 14
--EXPECT--
the whole file
