--TEST--
delete: of a symbolic link neither the link nor its target goes, and the log says so
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
$here = scratch();
mkdir('d');
file_put_contents('d/target', '0123456789');
symlink('target', 'd/link');
foreach (['', "$here/d"] as $root) {
    $answer = request("send_file('d/link', delete: true);", [], ['send_file.root' => $root]);
    echo $answer->show(), "\n", readlink('d/link'), ' ', file_get_contents('d/target'), "\n", $answer->log;
}
?>
--EXPECT--
200 | 0123456789
target 0123456789
send_file(): the file was not deleted: its name is that of another file, or of a symbolic link
200 | 0123456789
target 0123456789
send_file(): the file was not deleted: its name is that of another file, or of a symbolic link
