--TEST--
send_stream() leaves the stream to the script as it was: position, end of file, what was read ahead, what was written
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
scratch();
$lines = implode('', array_map(fn($i) => "line $i\n", range(1, 2000)));
file_put_contents('f.txt', $lines);
$open = [
    'r' => '$s = fopen("f.txt", "r");',
    'r+' => '$s = fopen("f.txt", "r+");',
    'a+' => '$s = fopen("f.txt", "a+");',
    'tmpfile()' => '$s = tmpfile(); fwrite($s, file_get_contents("f.txt")); rewind($s);',
    'php://memory' => '$s = fopen("php://memory", "w+"); fwrite($s, file_get_contents("f.txt")); rewind($s);',
    'php://temp' => '$s = fopen("php://temp", "w+"); fwrite($s, file_get_contents("f.txt")); rewind($s);',
    'a file behind php://temp' => '$s = fopen("php://temp/maxmemory:99", "w+"); fwrite($s, file_get_contents("f.txt")); rewind($s);',
];
$places = [
    'the beginning' => '',
    'the second line' => 'fgets($s);',
    'far behind' => 'fseek($s, 9000); fgets($s);',
    'the end' => 'fseek($s, 0, SEEK_END);',
    'end of file' => 'while (fgets($s) !== false);',
];
foreach ($open as $what => $code) {
    foreach ($places as $place => $move) {
        $answer = request(<<<CODE
            $code $move
            \$seen = fn() => [ftell(\$s), feof(\$s)];
            \$before = \$seen();
            send_stream(\$s, end_request: false);
            \$after = \$seen();
            \$next = fgets(\$s);
            fseek(\$s, \$before[0]);
            \$expected = fgets(\$s);
            file_put_contents('result', \$before === \$after && \$next === \$expected ? 'as it was' : json_encode([\$before, \$after, \$next, \$expected]));
            CODE);
        $results["$what, $place"] = file_get_contents('result') . ($answer->body === $lines ? '' : ', but not all was sent');
    }
}
echo implode("\n", array_unique($results)), "\n";
count(array_unique($results)) === 1 || print_r($results);

$answer = request('$s = fopen("f.txt", "r+"); fgets($s); send_stream($s, end_request: false); fwrite($s, "LINE 2"); fclose($s);');
var_dump($answer->body === $lines);
echo file('f.txt')[0], file('f.txt')[1], file('f.txt')[2];
?>
--EXPECT--
as it was
bool(true)
line 1
LINE 2
line 3
