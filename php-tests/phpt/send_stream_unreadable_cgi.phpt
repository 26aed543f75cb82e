--TEST--
send_stream(): a file that may no longer be opened goes by the script's own descriptor, if that may read
--EXTENSIONS--
send_file
--SKIPIF--
<?php
require __DIR__ . '/cgi_skip.inc';
if (!function_exists('posix_geteuid') || posix_geteuid() === 0) die('skip not for root');
?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
scratch();
foreach (['r' => 0200, 'r+' => 0, 'c' => 0200] as $mode => $rights) {
    file_put_contents('f.txt', "first\nsecond\n");
    $answer = request(<<<CODE
        \$s = fopen('f.txt', '$mode');
        '$mode' === 'c' || fgets(\$s);
        chmod('f.txt', $rights);
        try {
            send_stream(\$s, end_request: false);
            file_put_contents('next', '$mode' === 'c' ? 'c' : fgets(\$s));
        } catch (SendFile\Exception \$e) {
            echo \$e->getMessage();
        }
        CODE);
    echo "$mode: ", $answer->body, "\n", @file_get_contents('next');
    @unlink('next');
    chmod('f.txt', 0644);
}
?>
--EXPECT--
r: first
second

second
r+: first
second

second
c: send_stream(): cannot open the file: Permission denied
