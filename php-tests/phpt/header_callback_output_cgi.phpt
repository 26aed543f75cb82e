--TEST--
what a header callback prints, a warning too, does not push the end of the file out of the answer
--EXTENSIONS--
send_file
--INI--
display_errors=1
html_errors=0
--CGI--
--FILE--
<?php
$file = __DIR__ . '/header_callback_output_cgi.tmp';
file_put_contents($file, 'the whole file');
header_register_callback(function () {
    echo 'XX';
    trigger_error('a warning', E_USER_WARNING);
    ob_start();
    echo 'YY';
});
send_file($file, 'text/plain');
?>
--CLEAN--
<?php @unlink(__DIR__ . '/header_callback_output_cgi.tmp');
--EXPECTHEADERS--
Content-Length: 14
--EXPECT--
the whole file
