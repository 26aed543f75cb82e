--TEST--
send_buffer() and send_stream() check types as PHP does
--EXTENSIONS--
send_file
--FILE--
<?php
declare(strict_types=1);
$calls = [
    fn() => send_buffer(5),
    fn() => send_buffer(null),
    fn() => send_buffer(['a']),
    fn() => send_buffer(),
    fn() => send_buffer('a', etag: 5),
    fn() => send_buffer('a', rate: '5'),
    fn() => send_buffer(...array_fill(0, 14, 'a')),
    fn() => send_stream(),
    fn() => send_stream(STDIN, length: 1.5),
    fn() => send_stream(STDIN, data: 'a'),
];
foreach ($calls as $call) {
    try {
        $call();
    } catch (Error $e) {
        $messages[] = get_class($e) . ': ' . $e->getMessage();
    }
}
echo implode("\n", $messages);
?>
--EXPECT--
TypeError: send_buffer(): Argument #1 ($data) must be of type string, int given
TypeError: send_buffer(): Argument #1 ($data) must be of type string, null given
TypeError: send_buffer(): Argument #1 ($data) must be of type string, array given
ArgumentCountError: send_buffer() expects at least 1 argument, 0 given
TypeError: send_buffer(): Argument #7 ($etag) must be of type ?string, int given
TypeError: send_buffer(): Argument #8 ($rate) must be of type ?int, string given
ArgumentCountError: send_buffer() expects at most 13 arguments, 14 given
ArgumentCountError: send_stream() expects at least 1 argument, 0 given
TypeError: send_stream(): Argument #6 ($length) must be of type ?int, float given
Error: Unknown named parameter $data
