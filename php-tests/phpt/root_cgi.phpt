--TEST--
send_file.root: what is inside is sent, and no path or link leads out
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
$here = scratch();
foreach (['root/sub', 'root2', 'root.d'] as $directory) {
    mkdir($directory, 0777, true);
    file_put_contents("$directory/f", "$directory/f");
}
file_put_contents('root/f', 'root/f');
file_put_contents('secret', 'secret');
symlink('../f', 'root/sub/up');
symlink('../../secret', 'root/sub/out');
symlink("$here/secret", 'root/absolute');
symlink('../root2', 'root/directory');

function send(string $path, string $root): void
{
    global $here;
    $code = "try { send_file('$path'); } catch (SendFile\Exception \$e) { echo \$e->getMessage(); }";
    $answer = request($code, [], ['send_file.root' => $root]);
    echo str_replace(["send_file(): ", $here], ['', ''], "$path: $answer->body $answer->log"), "\n";
}
echo "inside\n";
foreach (['root/f', "$here/root/sub/f", 'root/sub/../f', './root//f', 'root/../root2/../root/f', 'root/sub/up'] as $path) {
    send($path, "$here/root");
}
echo "outside\n";
foreach (['secret', 'root2/f', 'root.d/f', 'root/../secret', 'root/../root2/f', 'root/../missing', '/etc/passwd'] as $path) {
    send($path, "$here/root");
}
echo "through links\n";
foreach (['root/sub/out', 'root/absolute', 'root/directory/f', 'root/directory/missing'] as $path) {
    send($path, "$here/root");
}
echo "no regular files\n";
foreach (['root/missing', 'root/sub', 'root'] as $path) {
    send($path, "$here/root");
}
echo "roots written in other ways\n";
send('root/f', "$here/root/");
send('root2/f', "$here/root/");
send('root/f', '/');
send('root/f', "$here/root/f");
send('root/f', "$here/missing");
send('missing/f', "$here/missing");
echo "several\n";
send('root/f', "$here/root2:$here/root");
send('root2/f', "$here/root2:$here/root");
send('root.d/f', "$here/root2:$here/root");
echo "one inside the other\n";
send('root/f', "$here/root:$here/root/sub");
send('root/sub/f', "$here/root:$here/root/sub");
send('root/sub/f', "$here/root/sub:$here/root");
send('root/sub/out', "$here/root/sub:$here/root");
?>
--EXPECT--
inside
root/f: root/f 
/root/sub/f: root/sub/f 
root/sub/../f: root/f 
./root//f: root/f 
root/../root2/../root/f: root/f 
root/sub/up: root/f 
outside
secret: the file is outside the directories that send_file.root allows 
root2/f: the file is outside the directories that send_file.root allows 
root.d/f: the file is outside the directories that send_file.root allows 
root/../secret: the file is outside the directories that send_file.root allows 
root/../root2/f: the file is outside the directories that send_file.root allows 
root/../missing: the file is outside the directories that send_file.root allows 
/etc/passwd: the file is outside the directories that send_file.root allows 
through links
root/sub/out: the file is outside the directories that send_file.root allows 
root/absolute: the file is outside the directories that send_file.root allows 
root/directory/f: the file is outside the directories that send_file.root allows 
root/directory/missing: the file is outside the directories that send_file.root allows 
no regular files
root/missing: cannot open the file: No such file or directory 
root/sub: the file is a directory, only regular files can be sent 
root: the file is a directory, only regular files can be sent 
roots written in other ways
root/f: root/f 
root2/f: the file is outside the directories that send_file.root allows 
root/f: root/f 
root/f: the file is outside the directories that send_file.root allows 
root/f: the file is outside the directories that send_file.root allows 
missing/f: the file is outside the directories that send_file.root allows 
several
root/f: root/f 
root2/f: root2/f 
root.d/f: the file is outside the directories that send_file.root allows 
one inside the other
root/f: root/f 
root/sub/f: root/sub/f 
root/sub/f: root/sub/f 
root/sub/out: the file is outside the directories that send_file.root allows 
