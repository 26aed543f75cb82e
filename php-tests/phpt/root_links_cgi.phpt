--TEST--
send_file.root: a root may be a link, and have one to another root; a link to a file in it, and an absolute one inside, lead nowhere
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
$here = scratch();
mkdir('release/files', 0777, true);
mkdir('other');
file_put_contents('release/files/f', 'f');
file_put_contents('other/f', 'other');
symlink('release', 'current');
symlink('release/files/f', 'into');
symlink("$here/release/files/f", 'release/files/absolute');
symlink('../../other', 'release/files/other');
function send(string $path, string $root): void
{
    $code = "try { send_file('$path'); } catch (SendFile\Exception \$e) { echo \$e->getMessage(); }";
    echo "$path: ", request($code, [], ['send_file.root' => $root])->body, "\n";
}
send('current/files/f', "$here/current/files");
send('current/files/f', "$here/current");
send('release/files/f', "$here/current/files");
send('current/files/other/f', "$here/current/files:$here/other");
send('into', "$here/release/files");
send('release/files/absolute', "$here/release/files");
?>
--EXPECT--
current/files/f: f
current/files/f: f
release/files/f: f
current/files/other/f: other
into: send_file(): the file is outside the directories that send_file.root allows
release/files/absolute: send_file(): the file is outside the directories that send_file.root allows
