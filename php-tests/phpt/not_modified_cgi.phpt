--TEST--
a 304 has no body and no Content-Type
--EXTENSIONS--
send_file
--ENV--
HTTP_IF_NONE_MATCH="mine"
--CGI--
--FILE--
<?php
$file = __DIR__ . '/not_modified_cgi.tmp';
file_put_contents($file, '0123456789');
header('ETag: "mine"');
header_register_callback(function () use ($file) {
    file_put_contents($file, implode("\n", preg_grep('/^content/i', headers_list())));
});
send_file($file, 'text/plain');
?>
--CLEAN--
<?php
$file = __DIR__ . '/not_modified_cgi.tmp';
echo file_get_contents($file);
unlink($file);
--EXPECTHEADERS--
Status: 304 Not Modified
ETag: "mine"
--EXPECT--
