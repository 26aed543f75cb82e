--TEST--
phpinfo() shows version, route, manager and every INI setting
--EXTENSIONS--
send_file
--INI--
send_file.manager_socket=/nonexistent/manager.sock
send_file.min_size=64K
--FILE--
<?php
(new ReflectionExtension('send_file'))->info();
?>
--EXPECTF--
send_file

send_file support => enabled
Version => %d.%d.%d
SAPI route => cli: files are sent by this process
Manager => not reachable: No such file or directory%S

Directive => Local Value => Master Value
send_file.manager_socket => /nonexistent/manager.sock => /nonexistent/manager.sock
send_file.min_size => 64K => 64K
send_file.types => no value => no value
send_file.root => no value => no value
send_file.fallback => stream => stream
send_file.on_busy => error => error
send_file.accept_timeout_ms => 100 => 100
send_file.rate => 0 => 0
send_file.mime_types => no value => no value
send_file.precompressed => 0 => 0
