--TEST--
a large buffer arrives whole, and is held once more outside of PHP's memory only
--EXTENSIONS--
send_file
--SKIPIF--
<?php if (!is_readable('/proc/self/status')) die('skip /proc is needed'); ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
$code = <<<'CODE'
$resident = fn() => (int) preg_filter('/.*VmHWM:\s*(\d+) kB.*/s', '$1', file_get_contents('/proc/self/status')) << 10;
mt_srand(1);
$data = '';
while (strlen($data) < 20_000_000) $data .= pack('N', mt_rand()) . str_repeat("\0odd", 2500);
fwrite(STDERR, md5($data) . "\n");
$before = [memory_get_peak_usage(), $resident()];
send_buffer($data, end_request: false);
foreach (['memory of PHP' => memory_get_peak_usage(), 'of the process' => $resident()] as $what => $after) {
    $grown = $after - array_shift($before);
    fwrite(STDERR, "$what: " . ($grown < 2_000_000 ? 'small' : "$grown bytes more") . "\n");
}
CODE;
$command = [getenv('TEST_PHP_EXECUTABLE'), '-n', '-d', 'extension=' . extension_path(), '-r', $code];
$process = proc_open($command, [1 => ['pipe', 'w'], 2 => ['pipe', 'w']], $pipes);
$hash = hash_init('md5');
hash_update_stream($hash, $pipes[1]);
$log = explode("\n", stream_get_contents($pipes[2]), 2);
echo hash_final($hash) === $log[0] ? "all bytes\n" : "other bytes\n", $log[1];
proc_close($process);
?>
--EXPECT--
all bytes
memory of PHP: small
of the process: small
