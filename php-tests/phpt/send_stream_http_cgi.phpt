--TEST--
send_stream() answers as send_file() does; a stream in memory has no Last-Modified and the ETag of its content
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
scratch();
$open = [
    'a file' => '$s = fopen("f.txt", "r");',
    'memory' => '$s = fopen("php://memory", "w+"); fwrite($s, "0123456789");',
    'a temporary file' => '$s = fopen("php://temp/maxmemory:4", "w+"); fwrite($s, "0123456789");',
];
file_put_contents('f.txt', '0123456789');
touch('f.txt', 1000000000);
$send = fn($what, $arguments = '', $fields = [], $method = 'GET') => request("$open[$what] send_stream(\$s, $arguments);", $fields, method: $method);
foreach ($open as $what => $_) {
    echo "$what\n";
    $answer = $send($what);
    var_dump(preg_match('/^"[^"]+"$/', $answer->field('ETag')));
    echo $send($what, 'download_as: "a.txt", content_type: "text/plain"')->show('Content-Type', 'Content-Disposition'), "\n";
    echo $send($what, fields: ['Range' => 'bytes=2-3'])->show('Content-Type', 'Content-Range'), "\n";
    echo $send($what, fields: ['Range' => 'bytes=12-'])->show('Content-Range'), "\n";
    echo $send($what, 'offset: 4, length: 3', ['Range' => 'bytes=1-'])->show('Content-Range'), "\n";
    echo substr_count($send($what, fields: ['Range' => 'bytes=0-1,-1'])->body, 'Content-Range:'), " parts\n";
    echo $send($what, 'etag: "v1"', ['If-None-Match' => '"v1"'])->show(), "\n";
    echo $send($what, method: 'HEAD')->show('Content-Length'), "\n";
}
echo "validators\n";
$etag = fn($what) => $send($what)->field('ETag');
var_dump($etag('a file') === $etag('a file'), $send('a file')->field('Last-Modified'));
var_dump($etag('a file') === request('send_file("f.txt");')->field('ETag'));
var_dump($etag('memory') === $etag('memory'), $send('memory')->field('Last-Modified'));
var_dump($etag('memory') === request('send_buffer("0123456789");')->field('ETag'));
var_dump($etag('memory') === request('$s = fopen("php://memory", "w+"); fwrite($s, "0123456780"); send_stream($s);')->field('ETag'));
echo $send('memory', fields: ['If-None-Match' => $etag('memory')])->show(), "\n";
echo $send('a file', fields: ['If-Modified-Since' => 'Sun, 09 Sep 2001 01:46:40 GMT'])->show(), "\n";
?>
--EXPECT--
a file
int(1)
200 | text/plain | attachment; filename="a.txt" | 0123456789
206 | application/octet-stream | bytes 2-3/10 | 23
416 | bytes */10 | no body
206 | bytes 1-2/3 | 56
2 parts
304 | no body
200 | 10 | no body
memory
int(1)
200 | text/plain | attachment; filename="a.txt" | 0123456789
206 | application/octet-stream | bytes 2-3/10 | 23
416 | bytes */10 | no body
206 | bytes 1-2/3 | 56
2 parts
304 | no body
200 | 10 | no body
a temporary file
int(1)
200 | text/plain | attachment; filename="a.txt" | 0123456789
206 | application/octet-stream | bytes 2-3/10 | 23
416 | bytes */10 | no body
206 | bytes 1-2/3 | 56
2 parts
304 | no body
200 | 10 | no body
validators
bool(true)
string(29) "Sun, 09 Sep 2001 01:46:40 GMT"
bool(true)
bool(true)
NULL
bool(true)
bool(false)
304 | no body
304 | no body
