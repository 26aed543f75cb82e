--TEST--
streaming neither counts for max_execution_time nor needs memory
--EXTENSIONS--
send_file
--SKIPIF--
<?php if (!is_readable('/proc/self/status')) die('skip /proc is needed'); ?>
--FILE--
<?php
// PHP counts processor time: nine tenths of the second are gone before the call, which needs more than the last.
$code = <<<'CODE'
$peak = fn() => (int) preg_filter('/.*VmHWM:\s*(\d+) kB.*/s', '$1', file_get_contents('/proc/self/status'));
$used = fn() => (fn($r) => $r['ru_utime.tv_sec'] + $r['ru_stime.tv_sec'] + ($r['ru_utime.tv_usec'] + $r['ru_stime.tv_usec']) / 1e6)(getrusage());
register_shutdown_function(function () use ($peak, $used, &$before) {
    fwrite(STDERR, $used() > 1.1 ? 'long ' : 'not long enough to tell: ' . $used() . ' ');
    fwrite(STDERR, $peak() - $before < 4096 ? 'small' : 'needed ' . ($peak() - $before) . ' KiB');
});
while ($used() < 0.9);
$before = $peak();
send_file($argv[1]);
CODE;
$file = __DIR__ . '/stream_limits.tmp';
$out = fopen($file, 'w');
ftruncate($out, 6 << 30);
preg_match('~\S*send_file\S*\.so~', file_get_contents('/proc/self/maps'), $library);
$command = [getenv('TEST_PHP_EXECUTABLE'), '-d', 'max_execution_time=1', '-d', 'hard_timeout=1', '-d', 'extension=' . $library[0], '-r', $code, $file];
$process = proc_open($command, [1 => ['file', '/dev/null', 'w'], 2 => ['pipe', 'w']], $pipes);
echo stream_get_contents($pipes[2]), "\n";
echo proc_close($process);
?>
--CLEAN--
<?php @unlink(__DIR__ . '/stream_limits.tmp');
--EXPECT--
long small
0
