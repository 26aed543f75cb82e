--TEST--
offset and length: what HTTP says is about the window alone
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
scratch();
file_put_contents('f.txt', '0123456789');
$window = fn($arguments, $fields = [], $method = 'GET') =>
    request("send_file('f.txt', $arguments);", $fields, method: $method)->show('Content-Range', 'Content-Length') . "\n";

echo "whole\n";
echo $window('offset: 2, length: 5');
echo $window('offset: 4');
echo $window('length: 3');
echo $window('offset: 7, length: 4');
echo $window('offset: 0, length: PHP_INT_MAX');
echo $window('offset: 2, length: 5', method: 'HEAD');
echo "empty\n";
echo $window('offset: 3, length: 0');
echo $window('offset: 10');
echo $window('offset: 10, length: 1');
echo "ranges\n";
foreach (['0-1', '3-', '-2', '4-100', '-100', '5-6', '7-7'] as $range) {
    echo str_pad($range, 6), $window('offset: 2, length: 5', ['Range' => "bytes=$range"]);
}
echo '0-0   ', $window('offset: 10', ['Range' => 'bytes=0-0']);
?>
--EXPECT--
whole
200 | - | 5 | 23456
200 | - | 6 | 456789
200 | - | 3 | 012
200 | - | 3 | 789
200 | - | 10 | 0123456789
200 | - | 5 | no body
empty
200 | - | 0 | no body
200 | - | 0 | no body
200 | - | 0 | no body
ranges
0-1   206 | bytes 0-1/5 | 2 | 23
3-    206 | bytes 3-4/5 | 2 | 56
-2    206 | bytes 3-4/5 | 2 | 56
4-100 206 | bytes 4-4/5 | 1 | 6
-100  206 | bytes 0-4/5 | 5 | 23456
5-6   416 | bytes */5 | 0 | no body
7-7   416 | bytes */5 | 0 | no body
0-0   416 | bytes */0 | 0 | no body
