--TEST--
rate: a body that PHP sends itself leaves no faster than that, the burst at once; waiting is no execution time
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
scratch();
file_put_contents('f.txt', str_repeat('0123456789', 300));

/** The times, since the headers came, at which so many bytes of the body had arrived, and all of them. */
function times(string $arguments, int $some, array $ini = []): array
{
    $process = start_request("send_file('f.txt', $arguments);", [], $ini, 'GET', $pipes);
    while (($line = fgets($pipes[1])) !== "\r\n" && $line !== false);
    $start = microtime(true);
    $received = 0;
    $at_some = null;
    while (!feof($pipes[1])) {
        $received += strlen(fread($pipes[1], 1000));
        if ($received >= $some) {
            $at_some ??= microtime(true) - $start;
        }
    }
    proc_close($process);
    return [$received, $at_some, microtime(true) - $start];
}

function check(string $what, array $times, callable $expected): void
{
    [$bytes, $at_some, $at_end] = $times;
    $good = $bytes === 3000 && $expected($at_some, $at_end);
    echo "$what: ", $good ? 'good' : sprintf('%d bytes, %.3f s, %.3f s', $bytes, $at_some, $at_end), "\n";
}

// The headers leave before the clock of the rate starts, which this process may notice a little later.
$late = 0.1;
// At 100 bytes per second it would take half a minute.
$at_once = fn($some, $end) => $end < 10;
check('without', times('', 3000), $at_once);
check('a rate', times('rate: 2000', 1500), fn($some, $end) => $some > 0.75 - $late && $end > 1.5 - $late);
check('a burst', times('rate: 1000, burst: 2000', 2000), fn($some, $end) => $some < 1.5 && $end > 1 - $late);
check('a large burst', times('rate: 100, burst: 3000', 3000), $at_once);
check('a burst alone', times('burst: 1', 3000), $at_once);
check('the setting', times('', 3000, ['send_file.rate' => '2000']), fn($some, $end) => $end > 1.5 - $late);
check('the setting and a burst', times('burst: 3000', 3000, ['send_file.rate' => '100']), $at_once);
check('the argument over the setting', times('rate: 1000000', 3000, ['send_file.rate' => '100']), $at_once);
check('a second of execution time', times('rate: 2000', 3000, ['max_execution_time' => 1]), fn($some, $end) => $end > 1.5 - $late);
?>
--EXPECT--
without: good
a rate: good
a burst: good
a large burst: good
a burst alone: good
the setting: good
the setting and a burst: good
the argument over the setting: good
a second of execution time: good
