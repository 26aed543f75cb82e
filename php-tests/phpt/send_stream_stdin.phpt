--TEST--
send_stream() sends php://stdin where that is a file, and refuses it where it is a pipe
--EXTENSIONS--
send_file
--SKIPIF--
<?php if (!is_readable('/proc/self/maps')) die('skip /proc is needed'); ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
scratch();
file_put_contents('f.txt', 'from a file');
foreach ([['file', 'f.txt', 'r'], ['pipe', 'r']] as $stdin) {
    foreach (['STDIN', 'fopen("php://stdin", "r")'] as $stream) {
        $code = "try { send_stream($stream); } catch (ValueError \$e) { echo \$e->getMessage(); }";
        $command = [getenv('TEST_PHP_EXECUTABLE'), '-n', '-d', 'extension=' . extension_path(), '-r', $code];
        $process = proc_open($command, [$stdin, ['pipe', 'w']], $pipes);
        echo stream_get_contents($pipes[1]), "\n";
        proc_close($process);
    }
}
?>
--EXPECT--
from a file
from a file
send_stream(): Argument $stream must be a stream of a regular file
send_stream(): Argument $stream must be a stream of a regular file
