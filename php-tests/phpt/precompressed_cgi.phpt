--TEST--
precompressed: the sibling that the client likes best is sent in the file's place
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
file_put_contents('f.txt.zst', 'as zstd');
$names = ['Content-Encoding', 'Vary', 'Content-Type', 'Content-Length'];
$send = fn($accept, $arguments = 'precompressed: true', $before = '', $ini = [], $method = 'GET') =>
    request("$before send_file('f.txt', $arguments);", $accept === null ? [] : ['Accept-Encoding' => $accept], $ini, $method)->show(...$names) . "\n";

foreach (['gzip', 'br', 'zstd', 'GZIP, deflate', 'x-gzip', 'gzip, br, zstd', 'gzip;q=1, br;q=0.5', 'gzip;q=0, *', '*', 'deflate', 'identity', 'gzip;q=0.5, identity', 'gzip;q=0', '', null] as $accept) {
    echo json_encode($accept), ': ', $send($accept);
}
echo "HEAD ", $send('gzip', method: 'HEAD');
echo "POST ", $send('gzip', method: 'POST');
echo "asked for by the setting\n";
echo $send('gzip', '', ini: ['send_file.precompressed' => 1]);
echo $send('gzip', 'precompressed: false', ini: ['send_file.precompressed' => 1]);
echo "not asked for\n";
echo $send('gzip', '');
echo $send('gzip', 'offset: 1, precompressed: true');
echo $send('gzip', 'length: 8, precompressed: true');
echo $send('gzip', before: "header('Content-Encoding: mine');");
copy('f.txt', 'kept');
echo $send('gzip', 'delete: true, precompressed: true');
clearstatcache();
var_dump(file_exists('f.txt'), file_exists('f.txt.gz'));
copy('kept', 'f.txt');
touch('f.txt', 1000000000);
echo "Vary of the script\n";
echo $send('gzip', before: "header('Vary: Cookie');");
echo $send('gzip', before: "header('Vary: Cookie'); header('Vary: Origin', false);");
echo $send('gzip', before: "header('Vary: accept-encoding, Cookie');");
echo $send('gzip', before: "header('Vary: *');");
echo $send(null, before: "header('Vary: Cookie');");
?>
--EXPECT--
"gzip": 200 | gzip | Accept-Encoding | text/plain | 7 | as gzip
"br": 200 | br | Accept-Encoding | text/plain | 5 | as br
"zstd": 200 | zstd | Accept-Encoding | text/plain | 7 | as zstd
"GZIP, deflate": 200 | gzip | Accept-Encoding | text/plain | 7 | as gzip
"x-gzip": 200 | gzip | Accept-Encoding | text/plain | 7 | as gzip
"gzip, br, zstd": 200 | br | Accept-Encoding | text/plain | 5 | as br
"gzip;q=1, br;q=0.5": 200 | gzip | Accept-Encoding | text/plain | 7 | as gzip
"gzip;q=0, *": 200 | br | Accept-Encoding | text/plain | 5 | as br
"*": 200 | br | Accept-Encoding | text/plain | 5 | as br
"deflate": 200 | - | Accept-Encoding | text/plain | 15 | the file itself
"identity": 200 | - | Accept-Encoding | text/plain | 15 | the file itself
"gzip;q=0.5, identity": 200 | - | Accept-Encoding | text/plain | 15 | the file itself
"gzip;q=0": 200 | - | Accept-Encoding | text/plain | 15 | the file itself
"": 200 | - | Accept-Encoding | text/plain | 15 | the file itself
null: 200 | - | Accept-Encoding | text/plain | 15 | the file itself
HEAD 200 | gzip | Accept-Encoding | text/plain | 7 | no body
POST 200 | gzip | Accept-Encoding | text/plain | 7 | as gzip
asked for by the setting
200 | gzip | Accept-Encoding | text/plain | 7 | as gzip
200 | gzip | Accept-Encoding | text/plain | 7 | as gzip
not asked for
200 | - | - | text/plain | 15 | the file itself
200 | - | - | text/plain | 14 | he file itself
200 | - | - | text/plain | 8 | the file
200 | mine | - | text/plain | 15 | the file itself
200 | - | - | text/plain | 15 | the file itself
bool(false)
bool(true)
Vary of the script
200 | gzip | Cookie, Accept-Encoding | text/plain | 7 | as gzip
200 | gzip | Cookie, Origin, Accept-Encoding | text/plain | 7 | as gzip
200 | gzip | accept-encoding, Cookie | text/plain | 7 | as gzip
200 | gzip | * | text/plain | 7 | as gzip
200 | - | Cookie, Accept-Encoding | text/plain | 15 | the file itself
