--TEST--
every byte of a large file arrives
--EXTENSIONS--
send_file
--SKIPIF--
<?php if (!is_readable('/proc/self/maps')) die('skip /proc is needed'); ?>
--FILE--
<?php
$file = __DIR__ . '/stream.tmp';
$out = fopen($file, 'w');
for ($i = 0; $i < 300; $i++) {
    fwrite($out, str_repeat(pack('N', $i), 65536) . 'odd');
}
fclose($out);
preg_match('~\S*send_file\S*\.so~', file_get_contents('/proc/self/maps'), $library);
$command = [getenv('TEST_PHP_EXECUTABLE'), '-d', 'extension=' . $library[0], '-r', 'send_file($argv[1]);', $file];
$process = proc_open($command, [1 => ['pipe', 'w']], $pipes);
$hash = hash_init('md5');
$bytes = hash_update_stream($hash, $pipes[1]);
echo $bytes === filesize($file) ? 'all bytes' : "$bytes bytes", ', ', hash_final($hash) === md5_file($file) ? 'right' : 'wrong', "\n";
echo proc_close($process);
?>
--CLEAN--
<?php @unlink(__DIR__ . '/stream.tmp');
--EXPECT--
all bytes, right
0
