--TEST--
send_file.fallback=error does not concern bodies below send_file.min_size
--EXTENSIONS--
send_file
--INI--
send_file.fallback=error
error_log=/dev/null
--CGI--
--FILE--
<?php
send_file(__FILE__, 'text/plain');
?>
--EXPECT--
<?php
send_file(__FILE__, 'text/plain');
?>
