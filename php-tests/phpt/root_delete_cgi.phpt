--TEST--
send_file.root: delete removes what is inside, whatever the path to it
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
$here = scratch();
mkdir('root/sub', 0777, true);
symlink('sub', 'root/link');
foreach (['root/f' => 'root/f', 'root/sub/f' => 'root/sub/f', 'root/link/f' => 'root/sub/f'] as $path => $file) {
    file_put_contents($file, $path);
    $answer = request("send_file('$path', delete: true);", [], ['send_file.root' => "$here/root"]);
    clearstatcache();
    echo $answer->show(), file_exists($file) ? ' stays ' : ' goes ', $answer->log, "\n";
}
?>
--EXPECT--
200 | root/f goes 
200 | root/sub/f goes 
200 | root/link/f goes 
