--TEST--
send_file.root and open_basedir: a file must be inside both
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
$here = scratch();
mkdir('a/both', 0777, true);
file_put_contents('a/f', 'a/f');
file_put_contents('a/both/f', 'a/both/f');
file_put_contents('f', 'f');
function send(string $path, string $root, string $basedir): void
{
    global $here;
    $code = "try { send_file('$path'); } catch (SendFile\Exception \$e) { echo \$e->getMessage(); }";
    $ini = ['send_file.root' => "$here/$root", 'open_basedir' => "$here/$basedir:$here/request.php"];
    echo request($code, [], $ini)->body, "\n";
}
send('a/both/f', 'a', 'a/both');
send('a/both/f', 'a/both', 'a');
send('a/f', 'a', 'a/both');
send('a/f', 'a/both', 'a');
send('f', 'a', 'a');
?>
--EXPECT--
a/both/f
a/both/f
send_file(): the file is outside the directories that open_basedir allows
send_file(): the file is outside the directories that send_file.root allows
send_file(): the file is outside the directories that open_basedir allows
