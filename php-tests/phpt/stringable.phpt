--TEST--
an object that is a string names the file
--EXTENSIONS--
send_file
--FILE--
<?php
$file = __DIR__ . '/stringable.tmp';
file_put_contents($file, 'from SplFileInfo');
send_file(new SplFileInfo($file));
?>
--CLEAN--
<?php @unlink(__DIR__ . '/stringable.tmp');
--EXPECT--
from SplFileInfo
