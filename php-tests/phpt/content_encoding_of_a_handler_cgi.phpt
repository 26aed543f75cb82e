--TEST--
plain bytes are not labelled gzip because ob_gzhandler was flushed into a buffer that is discarded
--EXTENSIONS--
send_file
--SKIPIF--
<?php if (!extension_loaded('zlib')) die('skip zlib is needed'); ?>
--ENV--
HTTP_ACCEPT_ENCODING=gzip
--CGI--
--FILE--
<?php
$file = __DIR__ . '/content_encoding_of_a_handler_cgi.tmp';
file_put_contents($file, 'the whole file');
ob_start();
ob_start('ob_gzhandler');
echo 'compressed';
ob_end_flush();
$before = preg_grep('/^content-encoding/i', headers_list());
register_shutdown_function(function () use ($file, $before) {
    $after = preg_grep('/^content-encoding/i', headers_list());
    file_put_contents($file, count($before) . ' before, ' . count($after) . ' after');
});
send_file($file, 'text/plain');
?>
--CLEAN--
<?php
$file = __DIR__ . '/content_encoding_of_a_handler_cgi.tmp';
if (file_get_contents($file) !== '1 before, 0 after') {
    echo 'unexpected: ', file_get_contents($file);
}
unlink($file);
--EXPECTHEADERS--
Content-Length: 14
--EXPECT--
the whole file
