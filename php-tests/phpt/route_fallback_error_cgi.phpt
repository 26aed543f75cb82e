--TEST--
send_file_route() follows the settings, and asking costs the answer nothing
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
scratch();
file_put_contents('f.txt', str_repeat('x', 20000));
$word = 'strstr(send_file_route(), ": ", true)';
foreach (['stream', 'error'] as $fallback) {
    $ini = ['send_file.fallback' => $fallback, 'send_file.manager_socket' => getcwd() . '/none.sock'];
    $answer = request("header('X-Route: ' . $word); send_file('f.txt');", [], $ini);
    echo $answer->field('X-Route'), ' ', $answer->status, ' ', strlen($answer->body) === 20000 ? 'all' : 'other', "\n";
    $answer = request("echo 'x'; flush(); echo $word;", [], $ini);
    echo $answer->show(), "\n";
}
?>
--EXPECT--
stream 200 all
200 | xerror
error 503 other
200 | xerror
