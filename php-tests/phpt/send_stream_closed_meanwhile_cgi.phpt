--TEST--
send_stream() does not mind a callback that closes the stream while the call is in progress
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
scratch();
foreach (['php://memory', 'php://temp', 'php://temp/maxmemory:4', 'new'] as $url) {
    $answer = request(<<<CODE
        \$s = fopen('$url', 'w+');
        fwrite(\$s, 'first, second');
        header_register_callback(function () use (\$s) {
            fclose(\$s);
            // Takes the number that the descriptor had.
            \$GLOBALS['other'] = tmpfile();
            fwrite(\$GLOBALS['other'], 'not to be sent');
        });
        send_stream(\$s);
        CODE);
    echo $answer->show('Content-Length'), $answer->log, "\n";
}
?>
--EXPECT--
200 | 13 | first, second
200 | 13 | first, second
200 | 13 | first, second
200 | 13 | first, second
