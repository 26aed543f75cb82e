--TEST--
send_file.mime_types: a process that goes on sees a change, and logs once what is wrong
--EXTENSIONS--
send_file
--SKIPIF--
<?php if (!is_readable('/proc/self/maps')) die('skip /proc is needed'); ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
$here = scratch();
file_put_contents('a.txt', '');
file_put_contents('index.php', '<?php send_file("a.txt");');
$command = [getenv('TEST_PHP_EXECUTABLE'), '-n', '-d', 'log_errors=1', '-d', 'html_errors=0', '-d', 'display_errors=0'];
array_push($command, '-d', 'extension=' . extension_path(), '-d', "send_file.mime_types=$here/mime.types", '-S', '127.0.0.1:0', 'index.php');
$environment = array_diff_key(getenv(), ['PHP_CLI_SERVER_WORKERS' => 0]);
$process = proc_open($command, [['file', '/dev/null', 'r'], ['file', '/dev/null', 'w'], ['pipe', 'w']], $pipes, null, $environment);
$log = '';
do {
    $log .= $line = fgets($pipes[2]);
} while ($line !== false && !preg_match('~\(http://(127.0.0.1:\d+)\)~', $line, $found));

function type(): string
{
    global $found;
    $lines = get_headers("http://$found[1]/", true);
    return $lines['Content-Type'];
}
echo type(), ' ', type(), ' ', type(), "\n";
file_put_contents('mime.types', 'text/x-one txt');
echo type(), ' ', type(), "\n";
// Another length, and a time that is certainly another.
file_put_contents('mime.types', "text/x-three txt\nwhat\n");
touch('mime.types', 1000000000);
echo type(), ' ', type(), "\n";
file_put_contents('new', 'text/x-renamed txt');
rename('new', 'mime.types');
echo type(), "\n";
unlink('mime.types');
echo type(), ' ', type(), "\n";
proc_terminate($process);
$log .= stream_get_contents($pipes[2]);
proc_close($process);
preg_match_all('/send_file.mime_types: .*/', $log, $complaints);
echo implode("\n", $complaints[0]);
?>
--EXPECT--
text/plain text/plain text/plain
text/x-one text/x-one
text/x-three text/x-three
text/x-renamed
text/plain text/plain
send_file.mime_types: No such file or directory (os error 2)
send_file.mime_types: skipped lines [2]
send_file.mime_types: No such file or directory (os error 2)
