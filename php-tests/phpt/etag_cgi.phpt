--TEST--
etag: text is quoted, a tag is kept, it wins over header(), and an empty one leaves none
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
scratch();
file_put_contents('f.txt', '0123456789');
$etag = fn($etag, $header = '', $fields = []) =>
    request("$header send_file('f.txt', etag: '$etag');", $fields)->show('ETag', 'Content-Length') . "\n";

echo $etag('v1');
echo $etag('"v1"');
echo $etag('W/"v1"');
echo $etag('');
echo $etag('mine', "header('ETag: \"other\"');");
echo $etag('', "header('etag: \"other\"');");
echo "unknown to the client, known, strong only\n";
$header = "header('ETag: \"other\"');";
echo $etag('mine', $header, ['If-None-Match' => '"other"']);
echo $etag('mine', $header, ['If-None-Match' => '"another", W/"mine"']);
echo $etag('mine', $header, ['If-Match' => '"other"']);
echo $etag('W/"mine"', $header, ['If-None-Match' => '"mine"']);
echo $etag('W/"mine"', $header, ['If-Match' => 'W/"mine"']);
echo $etag('', $header, ['If-None-Match' => '"other"']);
echo "If-Range\n";
echo $etag('mine', $header, ['Range' => 'bytes=1-2', 'If-Range' => '"mine"']);
echo $etag('mine', $header, ['Range' => 'bytes=1-2', 'If-Range' => '"other"']);
echo $etag('W/"mine"', $header, ['Range' => 'bytes=1-2', 'If-Range' => 'W/"mine"']);
?>
--EXPECT--
200 | "v1" | 10 | 0123456789
200 | "v1" | 10 | 0123456789
200 | W/"v1" | 10 | 0123456789
200 | - | 10 | 0123456789
200 | "mine" | 10 | 0123456789
200 | - | 10 | 0123456789
unknown to the client, known, strong only
200 | "mine" | 10 | 0123456789
304 | "mine" | - | no body
412 | "mine" | 0 | no body
304 | W/"mine" | - | no body
412 | W/"mine" | 0 | no body
200 | - | 10 | 0123456789
If-Range
206 | "mine" | 2 | 12
200 | "mine" | 10 | 0123456789
200 | W/"mine" | 10 | 0123456789
