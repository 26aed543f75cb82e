--TEST--
send_file.mime_types: the file wins over the built-in table; what it does not know that table does
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
$here = scratch();
file_put_contents('mime.types', <<<'TYPES'
    # extensions of our own
    text/x-mine             txt  mine

    application/x-case      CaSe
    not a type              bad
    application/x-good      good    # and a comment
    text/plain; charset=x   worse
    application/x-first     twice
    application/x-second    twice
    TYPES);
$type = function (string $name, array $ini, string $arguments = '') {
    file_put_contents($name, '');
    return request("send_file('$name', $arguments);", [], $ini)->field('Content-Type');
};
$own = ['send_file.mime_types' => "$here/mime.types"];
foreach (['a.txt', 'a.TXT', 'a.mine', 'a.case', 'a.CASE', 'a.good', 'a.twice', 'a.bad', 'a.worse', 'a.png', 'a.b.mine', 'mine', '.mine', 'a.'] as $name) {
    echo "$name: ", $type($name, $own), "\n";
}
echo $type('a.mine', $own, "'image/png'"), "\n";
echo request('header("Content-Type: image/png"); send_file("a.mine");', [], $own)->field('Content-Type'), "\n";
echo $type('a.txt', []), "\n";
echo "the log\n";
echo request('send_file("a.mine");', [], $own)->log;
echo request('send_file("a.mine", "text/plain");', [], $own)->log;
?>
--EXPECT--
a.txt: text/x-mine
a.TXT: text/x-mine
a.mine: text/x-mine
a.case: application/x-case
a.CASE: application/x-case
a.good: application/x-good
a.twice: application/x-second
a.bad: application/octet-stream
a.worse: application/octet-stream
a.png: image/png
a.b.mine: text/x-mine
mine: application/octet-stream
.mine: application/octet-stream
a.: application/octet-stream
image/png
image/png
text/plain
the log
send_file.mime_types: skipped lines [5, 7]
