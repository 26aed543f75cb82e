--TEST--
the session is written and closed before the file goes out
--EXTENSIONS--
send_file
--SKIPIF--
<?php if (!extension_loaded('session')) die('skip session is needed'); ?>
--FILE--
<?php
$file = __DIR__ . '/session.tmp';
file_put_contents($file, 'the file');
session_save_path(__DIR__);
session_id('sendfiletest');
session_start(['use_cookies' => false, 'cache_limiter' => '']);
$_SESSION['kept'] = 'kept';
send_file($file, end_request: false);
file_put_contents($file, session_status() === PHP_SESSION_NONE ? file_get_contents(__DIR__ . '/sess_sendfiletest') : 'still active');
?>
--CLEAN--
<?php
$file = __DIR__ . '/session.tmp';
if (file_get_contents($file) !== 'kept|s:4:"kept";') {
    echo 'unexpected: ', file_get_contents($file);
}
unlink($file);
unlink(__DIR__ . '/sess_sendfiletest');
--EXPECT--
the file
