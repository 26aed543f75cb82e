--TEST--
send_file.root: where a value is invalid no file can be sent, but data can
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
$here = scratch();
file_put_contents('f.txt', 'f');
foreach (['srv', "$here:srv", "$here:", ':', ' '] as $root) {
    $answer = request(<<<'CODE'
        try {
            send_file('f.txt');
        } catch (SendFile\Exception $e) {
            send_buffer($e->getMessage());
        }
        CODE, [], ['send_file.root' => $root]);
    echo $answer->body, "\n", str_replace($here, '/here', $answer->log);
}
?>
--EXPECT--
send_file(): the file is outside the directories that send_file.root allows
PHP Warning:  PHP Startup: send_file.root must be a list of absolute paths with colons between them, or nothing, not "srv"; no file can be sent in Unknown on line 0
send_file(): the file is outside the directories that send_file.root allows
PHP Warning:  PHP Startup: send_file.root must be a list of absolute paths with colons between them, or nothing, not "/here:srv"; no file can be sent in Unknown on line 0
send_file(): the file is outside the directories that send_file.root allows
PHP Warning:  PHP Startup: send_file.root must be a list of absolute paths with colons between them, or nothing, not "/here:"; no file can be sent in Unknown on line 0
send_file(): the file is outside the directories that send_file.root allows
PHP Warning:  PHP Startup: send_file.root must be a list of absolute paths with colons between them, or nothing, not ":"; no file can be sent in Unknown on line 0
send_file(): the file is outside the directories that send_file.root allows
PHP Warning:  PHP Startup: send_file.root must be a list of absolute paths with colons between them, or nothing, not " "; no file can be sent in Unknown on line 0
