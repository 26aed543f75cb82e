--TEST--
types are checked as PHP does: Stringable, strict types, too many arguments
--EXTENSIONS--
send_file
--FILE--
<?php
declare(strict_types=1);
foreach ([fn() => send_file(5), fn() => send_file(__FILE__, offset: '1'), fn() => send_file(), fn() => send_file(...array_fill(0, 14, 'a'))] as $call) {
    try {
        $call();
    } catch (TypeError $e) {
        $messages[] = get_class($e) . ': ' . $e->getMessage();
    }
}
echo implode("\n", $messages);
?>
--EXPECT--
TypeError: send_file(): Argument #1 ($filename) must be of type string, int given
TypeError: send_file(): Argument #5 ($offset) must be of type int, string given
ArgumentCountError: send_file() expects at least 1 argument, 0 given
ArgumentCountError: send_file() expects at most 13 arguments, 14 given
