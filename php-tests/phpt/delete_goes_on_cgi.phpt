--TEST--
delete: with end_request: false the file is gone when the call returns; a path through a link to a directory works
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
scratch();
mkdir('real');
symlink('real', 'link');
file_put_contents('real/f.txt', '0123456789');
$answer = request(<<<'CODE'
    send_file('link/../link/f.txt', delete: true, end_request: false);
    clearstatcache();
    file_put_contents('seen', file_exists('real/f.txt') ? 'still there' : 'gone');
    CODE);
echo $answer->show(), ' ', file_get_contents('seen'), " $answer->log";
?>
--EXPECT--
200 | 0123456789 gone 
