--TEST--
precompressed: a sibling that is older, no file, unreadable or outside is as good as none
--EXTENSIONS--
send_file
--SKIPIF--
<?php
require __DIR__ . '/cgi_skip.inc';
if (!function_exists('posix_geteuid') || posix_geteuid() === 0) die('skip not for root');
?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
$here = scratch();
mkdir('root');
file_put_contents('outside.gz', 'outside');
chdir('root');
function send(string $what, callable $make, array $ini = []): void
{
    file_put_contents('f.txt', 'the file itself');
    touch('f.txt', 1000000000);
    $make();
    $answer = request("send_file('f.txt', precompressed: true);", ['Accept-Encoding' => 'gzip'], $ini);
    echo "$what: ", $answer->show('Content-Encoding', 'Vary'), $answer->log, "\n";
    is_dir('f.txt.gz') ? rmdir('f.txt.gz') : @unlink('f.txt.gz');
}
$gzip = function (int $modified) {
    file_put_contents('f.txt.gz', 'as gzip');
    touch('f.txt.gz', $modified);
};
$root = ['send_file.root' => "$here/root"];
send('newer', fn() => $gzip(1000000001));
send('as old', fn() => $gzip(1000000000));
send('older', fn() => $gzip(999999999));
send('none', fn() => null);
send('a directory', fn() => mkdir('f.txt.gz'));
send('a FIFO', fn() => posix_mkfifo('f.txt.gz', 0600));
send('a dangling link', fn() => symlink('nowhere', 'f.txt.gz'));
send('unreadable', fn() => [$gzip(1000000001), chmod('f.txt.gz', 0)]);
send('inside the root', fn() => $gzip(1000000001), $root);
send('a link out of the root', fn() => symlink('../outside.gz', 'f.txt.gz'), $root);
send('a link out of open_basedir', fn() => symlink('../outside.gz', 'f.txt.gz'), ['open_basedir' => "$here/root"]);
?>
--EXPECT--
newer: 200 | gzip | Accept-Encoding | as gzip
as old: 200 | gzip | Accept-Encoding | as gzip
older: 200 | - | Accept-Encoding | the file itself
none: 200 | - | Accept-Encoding | the file itself
a directory: 200 | - | Accept-Encoding | the file itself
a FIFO: 200 | - | Accept-Encoding | the file itself
a dangling link: 200 | - | Accept-Encoding | the file itself
unreadable: 200 | - | Accept-Encoding | the file itself
inside the root: 200 | gzip | Accept-Encoding | as gzip
a link out of the root: 200 | - | Accept-Encoding | the file itself
a link out of open_basedir: 200 | - | Accept-Encoding | the file itself
