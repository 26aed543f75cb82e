--TEST--
send_file.root: a link that leads out is refused although PHP remembers what was in its place
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
$here = scratch();
foreach (['', "$here/root"] as $root) {
    exec('rm -rf root outside');
    mkdir('root/sub', 0777, true);
    mkdir('outside');
    file_put_contents('root/sub/f', 'inside');
    file_put_contents('outside/f', 'outside');
    // The shell moves, not PHP, which would forget.
    $answer = request(<<<'CODE'
        realpath('root/sub/f');
        exec('mv root/sub root/was; ln -s ../outside root/sub');
        $remembers = realpath('root/sub/f') === __DIR__ . '/root/sub/f';
        try {
            send_file('root/sub/f', etag: $remembers ? 'remembers' : 'has-looked');
        } catch (SendFile\Exception $e) {
            header('ETag: ' . ($remembers ? 'remembers' : 'has-looked'));
            echo $e->getMessage();
        }
        CODE, [], ['send_file.root' => $root]);
    echo $answer->show('ETag'), "\n";
}
?>
--EXPECT--
200 | "remembers" | outside
200 | remembers | send_file(): the file is outside the directories that send_file.root allows
