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
    'burst' => fn() => send_file(__FILE__, burst: PHP_INT_MIN),
    'tag' => fn() => send_file(__FILE__, tag: str_repeat('x', 129)),
    'content_type with a line' => fn() => send_file(__FILE__, content_type: "text/plain\r\nSet-Cookie: a=b"),
    'content_type that is none' => fn() => send_file(__FILE__, content_type: 'plain'),
    'download_as with a line' => fn() => send_file(__FILE__, download_as: "a\r\nSet-Cookie: a=b"),
    'download_as with a null byte' => fn() => send_file(__FILE__, download_as: "a\0b"),
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
rate: send_file(): Argument $rate must be greater than or equal to 0
burst: send_file(): Argument $burst must be greater than or equal to 0
tag: send_file(): Argument $tag must not be longer than 128 bytes
content_type with a line: send_file(): content_type must not contain control characters
content_type that is none: send_file(): content_type must be a media type such as "text/plain" or "text/html; charset=utf-8"
download_as with a line: send_file(): download_as must not contain control characters
download_as with a null byte: send_file(): download_as must not contain control characters
