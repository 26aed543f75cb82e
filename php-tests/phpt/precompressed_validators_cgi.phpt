--TEST--
precompressed: each coding has an ETag of its own, and ranges are of the representation that the client has
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
scratch();
file_put_contents('f.txt', 'the file itself');
file_put_contents('f.txt.gz', 'as gzip');
file_put_contents('f.txt.br', 'as br');
$send = fn($accept, $fields = [], $etag = 'null', $method = 'GET') =>
    request("send_file('f.txt', precompressed: true, etag: $etag);", ['Accept-Encoding' => $accept] + $fields, method: $method);

$etags = array_map(fn($accept) => $send($accept)->field('ETag'), ['gzip' => 'gzip', 'br' => 'br', 'none' => 'identity']);
var_dump(count(array_unique($etags)), preg_grep('/^"[^"]+"$/', $etags) === $etags);
var_dump($send('gzip', method: 'HEAD')->fields === $send('gzip')->fields);
echo "conditions\n";
echo $send('gzip', ['If-None-Match' => $etags['gzip']])->show('Vary', 'Content-Encoding'), "\n";
echo $send('gzip', ['If-None-Match' => $etags['none']])->show('Vary', 'Content-Encoding'), "\n";
echo $send('identity', ['If-None-Match' => $etags['gzip']])->show('Vary', 'Content-Encoding'), "\n";
echo "ranges\n";
$names = ['Content-Encoding', 'Content-Range'];
echo 'alone: ', $send('gzip, br', ['Range' => 'bytes=1-4'])->show(...$names), "\n";
foreach ($etags as $what => $etag) {
    echo "$what: ", $send('gzip, br', ['Range' => 'bytes=1-4', 'If-Range' => $etag])->show(...$names), "\n";
}
echo 'unknown: ', $send('gzip', ['Range' => 'bytes=1-4', 'If-Range' => '"other"'])->show(...$names), "\n";
echo "an ETag of the script's\n";
$etags = [];
foreach (['gzip', 'br', 'identity'] as $accept) {
    $etags[] = $etag = $send($accept, [], '"v1"')->field('ETag');
    echo $send($accept, ['If-None-Match' => $etag], '"v1"')->show(), "\n";
}
var_dump(count(array_unique($etags)));
?>
--EXPECT--
int(3)
bool(true)
bool(true)
conditions
304 | Accept-Encoding | - | no body
200 | Accept-Encoding | gzip | as gzip
200 | Accept-Encoding | - | the file itself
ranges
alone: 206 | - | bytes 1-4/15 | he f
gzip: 206 | gzip | bytes 1-4/7 | s gz
br: 206 | br | bytes 1-4/5 | s br
none: 206 | - | bytes 1-4/15 | he f
unknown: 200 | gzip | - | as gzip
an ETag of the script's
304 | no body
304 | no body
304 | no body
int(3)
