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

/** The times, since the request, at which so many bytes of the body had arrived, and all of them. */
function times(string $arguments, int $some, array $ini = []): array
{
    // Before the clock of the rate starts, so that no delay here makes an answer look faster than it was.
    $start = hrtime(true) / 1e9;
    $process = start_request("send_file('f.txt', $arguments);", [], $ini, 'GET', $pipes);
    while (($line = fgets($pipes[1])) !== "\r\n" && $line !== false);
    $received = 0;
    $at_some = null;
    while (!feof($pipes[1])) {
        $received += strlen(fread($pipes[1], 1000));
        if ($received >= $some) {
            $at_some ??= hrtime(true) / 1e9 - $start;
        }
    }
    proc_close($process);
    return [$received, $at_some, hrtime(true) / 1e9 - $start];
}

function check(string $what, array $times, callable $expected): void
{
    [$bytes, $at_some, $at_end] = $times;
    $good = $bytes === 3000 && $expected($at_some, $at_end);
    echo "$what: ", $good ? 'good' : sprintf('%d bytes, %.3f s, %.3f s', $bytes, $at_some, $at_end), "\n";
}

// At 100 bytes per second it would take half a minute.
$at_once = fn($some, $end) => $end < 10;
check('without', times('', 3000), $at_once);
check('a rate', times('rate: 2000', 1500), fn($some, $end) => $some > 0.75 && $end > 1.5);
check('a burst', times('rate: 500, burst: 2500', 2500), fn($some, $end) => $some < 4 && $end > 1);
check('a large burst', times('rate: 100, burst: 3000', 3000), $at_once);
check('a burst alone', times('burst: 1', 3000), $at_once);
check('the setting', times('', 3000, ['send_file.rate' => '2000']), fn($some, $end) => $end > 1.5);
check('the setting and a burst', times('burst: 3000', 3000, ['send_file.rate' => '100']), $at_once);
check('the argument over the setting', times('rate: 1000000', 3000, ['send_file.rate' => '100']), $at_once);
check('a second of execution time', times('rate: 2000', 3000, ['max_execution_time' => 1]), fn($some, $end) => $end > 1.5);
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
