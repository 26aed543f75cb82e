--TEST--
send_file.root and open_basedir: no answer tells whether something exists outside
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
$here = scratch();
mkdir('root');
mkdir('outside');
file_put_contents('outside/f', 'secret');
symlink('nowhere', 'outside/dangling');
symlink('loop', 'outside/loop');
$paths = ['outside', 'outside/f', 'outside/missing', 'outside/f/below', 'outside/missing/below', 'outside/dangling', 'outside/loop', 'outside/loop/below', 'root/../outside/f/below'];
foreach (['send_file.root' => "$here/root", 'open_basedir' => "$here/root:$here/request.php"] as $setting => $value) {
    foreach ($paths as $path) {
        $code = "try { send_file('$path'); } catch (SendFile\Exception \$e) { echo \$e->getMessage(); }";
        $messages[$setting][request($code, [], [$setting => $value])->body][] = $path;
    }
}
foreach ($messages as $found) {
    foreach ($found as $message => $paths) {
        echo "$message: ", implode(' ', $paths), "\n";
    }
}
?>
--EXPECT--
send_file(): the file is outside the directories that send_file.root allows: outside outside/f outside/missing outside/f/below outside/missing/below outside/dangling outside/loop outside/loop/below root/../outside/f/below
send_file(): the file is outside the directories that open_basedir allows: outside outside/f outside/missing outside/f/below outside/missing/below outside/dangling outside/loop outside/loop/below root/../outside/f/below
