--TEST--
send_file_route() says why the command line streams, and that nothing can be sent after an answer
--EXTENSIONS--
send_file
--FILE--
<?php
$before = send_file_route();
$again = send_file_route();
foreach ([fn() => send_file_route('a'), fn() => send_file_route(null)] as $call) {
    try {
        $call();
    } catch (ArgumentCountError $e) {
        $messages[] = $e->getMessage();
    }
}
$sent = headers_sent();
send_buffer("the answer\n", end_request: false);
$word = fn($route) => strstr($route, ': ', true);
fwrite(STDERR, implode("\n", [
    $word($before) === SendFile\ROUTE_STREAM ? 'streams' : $before,
    strlen(strstr($before, ': ')) > 10 ? 'with a reason' : $before,
    $before === $again && !$sent ? 'asking changes nothing' : $again,
    ...$messages,
    send_file_route(),
    $word(send_file_route()) === SendFile\ROUTE_ERROR ? 'the constant' : 'other',
]));
?>
--EXPECT--
the answer
streams
with a reason
asking changes nothing
send_file_route() expects exactly 0 arguments, 1 given
send_file_route() expects exactly 0 arguments, 1 given
error: the response headers have already been sent
the constant
