--TEST--
bad arguments are \ValueErrors and send nothing
--EXTENSIONS--
send_file
--FILE--
<?php
$calls = [
    'empty name' => fn() => send_file(''),
    'null byte' => fn() => send_file(__FILE__ . "\0.txt"),
    'http' => fn() => send_file('http://example.com/a'),
    'php' => fn() => send_file('php://input'),
    'phar' => fn() => send_file('phar:///tmp/a.phar/b'),
    'file' => fn() => send_file('FILE://' . __FILE__),
    'data' => fn() => send_file('data:text/plain,x'),
    'chained' => fn() => send_file('compress.zlib://php://stdin'),
    'offset' => fn() => send_file(__FILE__, offset: -1),
    'length' => fn() => send_file(__FILE__, length: -1),
    'rate' => fn() => send_file(__FILE__, rate: -1),
    'no rate' => fn() => send_file(__FILE__, rate: 0),
    'burst' => fn() => send_file(__FILE__, burst: PHP_INT_MIN),
    'tag' => fn() => send_file(__FILE__, tag: str_repeat('x', 129)),
    'content_type with a line' => fn() => send_file(__FILE__, content_type: "text/plain\r\nSet-Cookie: a=b"),
    'content_type that is none' => fn() => send_file(__FILE__, content_type: 'plain'),
    'download_as with a line' => fn() => send_file(__FILE__, download_as: "a\r\nSet-Cookie: a=b"),
    'download_as with a null byte' => fn() => send_file(__FILE__, download_as: "a\0b"),
    'etag with a line' => fn() => send_file(__FILE__, etag: "a\r\nSet-Cookie: a=b"),
    'etag with a quote inside' => fn() => send_file(__FILE__, etag: 'a"b'),
    'delete and a window' => fn() => send_file(__FILE__, offset: 1, delete: true),
    'delete a buffer' => fn() => send_buffer('x', delete: true),
    'delete a stream' => fn() => send_stream(STDIN, delete: true),
    'precompressed buffer' => fn() => send_buffer('x', precompressed: true),
    'buffer, tag' => fn() => send_buffer('x', tag: str_repeat('x', 129)),
];
foreach ($calls as $what => $call) {
    try {
        $call();
    } catch (ValueError $e) {
        $results[$what] = $e->getMessage();
    }
}
var_dump(headers_sent());
foreach ($results as $what => $message) {
    echo "$what: $message\n";
}
?>
--EXPECT--
bool(false)
empty name: send_file(): Argument $filename must not be empty
null byte: send_file(): Argument $filename must not contain any null bytes
http: send_file(): Argument $filename must be a path in the file system, not the URL of a stream wrapper
php: send_file(): Argument $filename must be a path in the file system, not the URL of a stream wrapper
phar: send_file(): Argument $filename must be a path in the file system, not the URL of a stream wrapper
file: send_file(): Argument $filename must be a path in the file system, not the URL of a stream wrapper
data: send_file(): Argument $filename must be a path in the file system, not the URL of a stream wrapper
chained: send_file(): Argument $filename must be a path in the file system, not the URL of a stream wrapper
offset: send_file(): Argument $offset must be greater than or equal to 0
length: send_file(): Argument $length must be greater than or equal to 0
rate: send_file(): Argument $rate must be greater than or equal to 1
no rate: send_file(): Argument $rate must be greater than or equal to 1
burst: send_file(): Argument $burst must be greater than or equal to 0
tag: send_file(): Argument $tag must not be longer than 128 bytes
content_type with a line: send_file(): Argument $content_type must not contain control characters
content_type that is none: send_file(): Argument $content_type must be a media type such as "text/plain" or "text/html; charset=utf-8"
download_as with a line: send_file(): Argument $download_as must not contain control characters
download_as with a null byte: send_file(): Argument $download_as must not contain control characters
etag with a line: send_file(): Argument $etag must be visible ASCII, such as v1, "v1" or W/"v1"
etag with a quote inside: send_file(): Argument $etag must be visible ASCII, such as v1, "v1" or W/"v1"
delete and a window: send_file(): Argument $delete cannot be combined with offset or length
delete a buffer: send_buffer(): Argument $delete is for send_file() only
delete a stream: send_stream(): Argument $delete is for send_file() only
precompressed buffer: send_buffer(): Argument $precompressed is for send_file() only
buffer, tag: send_buffer(): Argument $tag must not be longer than 128 bytes
