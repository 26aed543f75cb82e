--TEST--
a shutdown function that sends a file after max_execution_time sends its bytes, too
--EXTENSIONS--
send_file
--INI--
max_execution_time=1
display_errors=0
error_log=/dev/null
--CGI--
--FILE--
<?php
$file = __DIR__ . '/after_timeout_cgi.tmp';
file_put_contents($file, 'the whole file');
register_shutdown_function(function () use ($file) {
    http_response_code(200);
    send_file($file, 'text/plain');
});
while (true);
?>
--CLEAN--
<?php @unlink(__DIR__ . '/after_timeout_cgi.tmp');
--EXPECTHEADERS--
Content-Length: 14
--EXPECT--
the whole file
