--TEST--
delete: the file goes with an answer that has all of it, and with no other
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
scratch();
function delete(string $what, array $fields = [], string $method = 'GET', string $before = ''): void
{
    file_put_contents('f.txt', '0123456789');
    $answer = request("$before send_file('f.txt', etag: 'v1', delete: true);", $fields, method: $method);
    clearstatcache();
    $fate = file_exists('f.txt') ? 'stays' : 'goes';
    echo "$what: $fate | ", $answer->show('Content-Length', 'Accept-Ranges', 'Content-Range'), " |$answer->log\n";
}
delete('GET');
delete('POST', method: 'POST');
delete('range', ['Range' => 'bytes=2-3']);
delete('range beyond the end', ['Range' => 'bytes=20-']);
delete('Accept-Ranges of the script', ['Range' => 'bytes=2-3'], before: "header('Accept-Ranges: bytes');");
delete('status of the script', before: 'http_response_code(404);');
delete('HEAD', method: 'HEAD');
delete('304', ['If-None-Match' => '"v1"']);
delete('412', ['If-Match' => '"v2"']);
delete('304 of the script', before: 'http_response_code(304);');
?>
--EXPECT--
GET: goes | 200 | 10 | none | - | 0123456789 |
POST: goes | 200 | 10 | none | - | 0123456789 |
range: goes | 200 | 10 | none | - | 0123456789 |
range beyond the end: goes | 200 | 10 | none | - | 0123456789 |
Accept-Ranges of the script: goes | 200 | 10 | none | - | 0123456789 |
status of the script: goes | 404 | 10 | none | - | 0123456789 |
HEAD: stays | 200 | 10 | none | - | no body |
304: stays | 304 | - | - | - | no body |
412: stays | 412 | 0 | - | - | no body |
304 of the script: stays | 304 | - | - | - | no body |
