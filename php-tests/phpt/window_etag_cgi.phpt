--TEST--
each window has an ETag of its own, and conditions are about that
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
scratch();
file_put_contents('f.txt', '0123456789');
$window = fn($arguments, $fields = []) => request("send_file('f.txt', $arguments);", $fields);

$etags = [];
foreach (['', 'offset: 1', 'offset: 2', 'offset: 1, length: 2', 'offset: 1, length: 3', 'length: 2', 'length: 0'] as $arguments) {
    $etags[$arguments] = $window($arguments)->field('ETag');
}
var_dump(count(array_unique($etags)) === count($etags));
var_dump(count(preg_grep('/^"[^"]+"$/', $etags)) === count($etags));
echo "the same window again\n";
var_dump($window('offset: 1, length: 2')->field('ETag') === $etags['offset: 1, length: 2']);
var_dump($window('offset: 1, length: 9')->field('ETag') === $etags['offset: 1']);
echo "conditions\n";
echo $window('offset: 1', ['If-None-Match' => $etags['offset: 1']])->show(), "\n";
echo $window('offset: 1', ['If-None-Match' => $etags['offset: 2']])->show(), "\n";
echo $window('offset: 1', ['Range' => 'bytes=0-1', 'If-Range' => $etags['offset: 1']])->show(), "\n";
echo $window('offset: 1', ['Range' => 'bytes=0-1', 'If-Range' => $etags['']])->show(), "\n";
?>
--EXPECT--
bool(true)
bool(true)
the same window again
bool(true)
bool(true)
conditions
304 | no body
200 | 123456789
206 | 12
200 | 123456789
