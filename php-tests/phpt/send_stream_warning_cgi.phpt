--TEST--
send_stream() of a php://temp that is a file and partly read gives no warning
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
scratch();
foreach ([4, 999] as $maxmemory) {
    $answer = request(<<<CODE
        \$s = fopen('php://temp/maxmemory:$maxmemory', 'w+');
        fwrite(\$s, "first\nsecond\n");
        rewind(\$s);
        fgets(\$s);
        send_stream(\$s);
        CODE, [], ['display_errors' => 1]);
    echo $answer->body, $answer->log;
}
?>
--EXPECT--
first
second
first
second
