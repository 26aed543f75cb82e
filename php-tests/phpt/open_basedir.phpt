--TEST--
open_basedir holds, also through links, and does not tell what exists outside
--EXTENSIONS--
send_file
--FILE--
<?php
$dir = __DIR__ . '/open_basedir.dir';
mkdir($dir);
file_put_contents("$dir/inside", 'inside');
file_put_contents("$dir.secret", 'secret');
symlink("$dir.secret", "$dir/link");
symlink("$dir/inside", "$dir.inward");
ini_set('open_basedir', $dir);
foreach (["$dir/../open_basedir.dir.secret", "$dir.secret", "$dir/link", '/etc/passwd', '/nonexistent', "$dir/missing"] as $path) {
    try {
        send_file($path);
    } catch (SendFile\Exception $e) {
        $messages[] = $e->getMessage();
    }
}
ob_start();
echo implode("\n", $messages), "\n";
fwrite(STDERR, ob_get_contents());
send_file("$dir.inward");
?>
--CLEAN--
<?php
$dir = __DIR__ . '/open_basedir.dir';
unlink("$dir/inside"); unlink("$dir/link"); rmdir($dir); unlink("$dir.secret"); unlink("$dir.inward");
--EXPECT--
send_file(): the file is outside the directories that open_basedir allows
send_file(): the file is outside the directories that open_basedir allows
send_file(): the file is outside the directories that open_basedir allows
send_file(): the file is outside the directories that open_basedir allows
send_file(): the file is outside the directories that open_basedir allows
send_file(): cannot open the file: No such file or directory
inside
