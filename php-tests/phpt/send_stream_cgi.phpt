--TEST--
send_stream() sends all of a file that the script has open, wherever the position is
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
scratch();
$large = 'str_repeat("0123456789abcde\n", 200000)';
$streams = [
    'r' => '$s = fopen("f.txt", "r");',
    'r, at the end' => '$s = fopen("f.txt", "r"); fseek($s, 0, SEEK_END);',
    'r, partly read' => '$s = fopen("f.txt", "r"); fgets($s);',
    'r+, written' => '$s = fopen("f.txt", "r+"); fwrite($s, "FI");',
    'w+' => '$s = fopen("new", "w+"); fwrite($s, "first\nsecond\n");',
    'w' => '$s = fopen("new", "w"); fwrite($s, "first\nsecond\n");',
    'x' => 'unlink("new"); $s = fopen("new", "x"); fwrite($s, "first\nsecond\n");',
    'c' => '$s = fopen("f.txt", "c"); fwrite($s, "FI");',
    'a' => '$s = fopen("f.txt", "a"); fwrite($s, "third\n");',
    'a+' => '$s = fopen("f.txt", "a+"); fgets($s); fwrite($s, "third\n");',
    'by URL' => '$s = fopen("file://" . __DIR__ . "/f.txt", "r");',
    'unlinked' => '$s = fopen("f.txt", "r"); unlink("f.txt");',
    'replaced' => '$s = fopen("f.txt", "r"); rename("new", "f.txt"); touch("new");',
    'tmpfile()' => '$s = tmpfile(); fwrite($s, "first\nsecond\n");',
    'php://memory' => '$s = fopen("php://memory", "w+"); fwrite($s, "first\nsecond\n");',
    'php://memory, partly read' => '$s = fopen("php://memory", "w+"); fwrite($s, "first\nsecond\n"); rewind($s); fgets($s);',
    'php://memory, empty' => '$s = fopen("php://memory", "w+");',
    'php://temp' => '$s = fopen("php://temp", "w+"); fwrite($s, "first\nsecond\n");',
    'php://temp that is a file' => '$s = fopen("php://temp/maxmemory:4", "w+"); fwrite($s, "first\nsecond\n");',
];
touch('new');
foreach ($streams as $what => $open) {
    file_put_contents('f.txt', "first\nsecond\n");
    $answer = request("$open send_stream(\$s);");
    echo "$what: ", json_encode($answer->body), $answer->field('Content-Length') == strlen($answer->body) ? '' : ' wrong length', $answer->log, "\n";
}
echo "large ones\n";
foreach (['php://memory', 'php://temp', 'php://temp/maxmemory:9999999'] as $url) {
    $answer = request("\$s = fopen('$url', 'w+'); fwrite(\$s, $large); fseek(\$s, 17); send_stream(\$s);");
    var_dump($answer->body === str_repeat("0123456789abcde\n", 200000));
}
?>
--EXPECT--
r: "first\nsecond\n"
r, at the end: "first\nsecond\n"
r, partly read: "first\nsecond\n"
r+, written: "FIrst\nsecond\n"
w+: "first\nsecond\n"
w: "first\nsecond\n"
x: "first\nsecond\n"
c: "FIrst\nsecond\n"
a: "first\nsecond\nthird\n"
a+: "first\nsecond\nthird\n"
by URL: "first\nsecond\n"
unlinked: "first\nsecond\n"
replaced: "first\nsecond\n"
tmpfile(): "first\nsecond\n"
php://memory: "first\nsecond\n"
php://memory, partly read: "first\nsecond\n"
php://memory, empty: ""
php://temp: "first\nsecond\n"
php://temp that is a file: "first\nsecond\n"
large ones
bool(true)
bool(true)
bool(true)
