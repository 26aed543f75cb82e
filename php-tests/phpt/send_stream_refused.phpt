--TEST--
send_stream() refuses what has no content of its own, and the script can still answer
--EXTENSIONS--
send_file
--FILE--
<?php
final class Wrapper
{
    public $context;
    function stream_open() { return true; }
    function stream_read($bytes) { return ''; }
    function stream_eof() { return true; }
    function stream_stat() { return []; }
}
stream_wrapper_register('mine', 'Wrapper');
$file = __DIR__ . '/send_stream_refused.tmp';
file_put_contents($file, 'not to be sent');
$filtered = function (string $url, int $direction) {
    $stream = fopen($url, 'r+');
    stream_filter_append($stream, 'string.rot13', $direction);
    return $stream;
};
$closed = fopen($file, 'r');
fclose($closed);
$calls = [
    'read filter' => fn() => $filtered($file, STREAM_FILTER_READ),
    'write filter' => fn() => $filtered($file, STREAM_FILTER_WRITE),
    'filter on memory' => fn() => $filtered('php://memory', STREAM_FILTER_READ),
    'php://filter' => fn() => fopen("php://filter/read=string.rot13/resource=$file", 'r'),
    'popen()' => fn() => popen('exec true', 'r'),
    'socket pair' => fn() => stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0)[0],
    'data:' => fn() => fopen('data:text/plain,abc', 'r'),
    'wrapper of the script' => fn() => fopen('mine://a', 'r'),
    'opendir()' => fn() => opendir(__DIR__),
    'directory' => fn() => fopen(__DIR__, 'r'),
    'device' => fn() => fopen('/dev/zero', 'r'),
    'php://output' => fn() => fopen('php://output', 'w'),
    'closed' => fn() => $closed,
    'context' => fn() => stream_context_create(),
    'string' => fn() => $file,
    'null' => fn() => null,
    'object' => fn() => new SplFileObject($file),
    'array' => fn() => [fopen($file, 'r')],
];
foreach ($calls as $what => $open) {
    try {
        send_stream($open());
    } catch (Throwable $e) {
        $messages[] = "$what: " . get_class($e) . ': ' . $e->getMessage() . "\n";
    }
}
var_dump(headers_sent());
echo implode($messages);
?>
--CLEAN--
<?php @unlink(__DIR__ . '/send_stream_refused.tmp');
--EXPECT--
bool(false)
read filter: ValueError: send_stream(): Argument $stream must not have filters
write filter: ValueError: send_stream(): Argument $stream must not have filters
filter on memory: ValueError: send_stream(): Argument $stream must not have filters
php://filter: ValueError: send_stream(): Argument $stream must not have filters
popen(): ValueError: send_stream(): Argument $stream must be a stream of a regular file
socket pair: ValueError: send_stream(): Argument $stream must be an open regular file, tmpfile(), php://temp or php://memory
data:: ValueError: send_stream(): Argument $stream must be an open regular file, tmpfile(), php://temp or php://memory
wrapper of the script: ValueError: send_stream(): Argument $stream must be an open regular file, tmpfile(), php://temp or php://memory
opendir(): ValueError: send_stream(): Argument $stream must be an open regular file, tmpfile(), php://temp or php://memory
directory: ValueError: send_stream(): Argument $stream must be a stream of a regular file
device: ValueError: send_stream(): Argument $stream must be a stream of a regular file
php://output: ValueError: send_stream(): Argument $stream must be an open regular file, tmpfile(), php://temp or php://memory
closed: TypeError: send_stream(): supplied resource is not a valid stream resource
context: TypeError: send_stream(): supplied resource is not a valid stream resource
string: TypeError: send_stream(): Argument #1 ($stream) must be of type resource, string given
null: TypeError: send_stream(): Argument #1 ($stream) must be of type resource, null given
object: TypeError: send_stream(): Argument #1 ($stream) must be of type resource, SplFileObject given
array: TypeError: send_stream(): Argument #1 ($stream) must be of type resource, array given
