--TEST--
send_buffer() answers as send_file() does, but for Last-Modified
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
scratch();
$buffer = fn($arguments, $fields = [], $method = 'GET', $before = '') => request("$before send_buffer($arguments);", $fields, method: $method);
$names = ['Content-Type', 'Content-Disposition', 'Content-Length', 'Content-Range'];

$plain = $buffer("'0123456789'");
echo $plain->show(...$names), "\n";
var_dump(preg_match('/^"[^"]+"$/', $plain->field('ETag')), $plain->field('Last-Modified'), $plain->field('Accept-Ranges'));
var_dump($plain->field('ETag') === $buffer("'01234' . str_repeat('56789', 1)")->field('ETag'));
var_dump($plain->field('ETag') === $buffer("'0123456780'")->field('ETag'));
echo "arguments\n";
echo $buffer("'a,b', 'text/csv', 'b.csv'")->show(...$names), "\n";
echo $buffer("'a,b', download_as: 'b.csv', inline: true")->show(...$names), "\n";
echo $buffer("'a,b'", before: "header('Content-Type: application/json');")->show(...$names), "\n";
echo $buffer("'0123456789', offset: 2, length: 3")->show(...$names), "\n";
echo $buffer("'0123456789', etag: 'v1'")->show('ETag'), "\n";
echo "requests\n";
echo $buffer("'0123456789'", ['If-None-Match' => $plain->field('ETag')])->show(), "\n";
echo $buffer("'0123456780'", ['If-None-Match' => $plain->field('ETag')])->show(), "\n";
echo $buffer("'0123456789'", ['If-Match' => '"none"'])->show(), "\n";
echo $buffer("'0123456789'", ['Range' => 'bytes=-3', 'If-Range' => $plain->field('ETag')])->show(...$names), "\n";
echo $buffer("'0123456789', offset: 2, length: 3", ['Range' => 'bytes=1-'])->show(...$names), "\n";
echo $buffer("'0123456789'", ['Range' => 'bytes=10-'])->show(...$names), "\n";
echo substr_count($buffer("'0123456789'", ['Range' => 'bytes=0-1,-1'])->body, 'Content-Range:'), " parts\n";
echo $buffer("'0123456789'", method: 'HEAD')->show(...$names), "\n";
echo $buffer("'0123456789'", method: 'POST')->show(...$names), "\n";
echo "no text\n";
echo $buffer("''")->show(...$names), "\n";
echo bin2hex($buffer('"\0\xff\r\n\0"')->show('Content-Length')), "\n";
echo $buffer('12')->show('Content-Length'), "\n";
echo $buffer("new class { function __toString() { return 'object'; } }")->show('Content-Length'), "\n";
echo "on it goes\n";
echo $buffer("'content', end_request: false); header('X-Late: 1'); print('late'")->show('X-Late'), "\n";
?>
--EXPECT--
200 | application/octet-stream | - | 10 | - | 0123456789
int(1)
NULL
string(5) "bytes"
bool(true)
bool(false)
arguments
200 | text/csv | attachment; filename="b.csv" | 3 | - | a,b
200 | text/csv | inline; filename="b.csv" | 3 | - | a,b
200 | application/json | - | 3 | - | a,b
200 | application/octet-stream | - | 3 | - | 234
200 | "v1" | 0123456789
requests
304 | no body
200 | 0123456780
412 | no body
206 | application/octet-stream | - | 3 | bytes 7-9/10 | 789
206 | application/octet-stream | - | 2 | bytes 1-2/3 | 34
416 | - | - | 0 | bytes */10 | no body
2 parts
200 | application/octet-stream | - | 10 | - | no body
200 | application/octet-stream | - | 10 | - | 0123456789
no text
200 | application/octet-stream | - | 0 | - | no body
323030207c2035207c2000ff0d0a00
200 | 2 | 12
200 | 6 | object
on it goes
200 | - | content
