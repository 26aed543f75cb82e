--TEST--
INI settings: an invalid value is warned about and the default stays
--EXTENSIONS--
send_file
--INI--
display_startup_errors=1
send_file.manager_socket=relative.sock
send_file.min_size=-1
send_file.fallback=maybe
send_file.on_busy=1
send_file.accept_timeout_ms=0
--FILE--
<?php
foreach (ini_get_all('send_file') as $name => $entry) {
    echo $name, ' = ', $entry['global_value'], "\n";
}
?>
--EXPECT--
Warning: PHP Startup: send_file.manager_socket must be an absolute path of at most 107 bytes, or nothing, not "relative.sock"; the setting is ignored in Unknown on line 0

Warning: PHP Startup: send_file.min_size must be a number of bytes such as 16384 or 64K, not "-1"; the setting is ignored in Unknown on line 0

Warning: PHP Startup: send_file.fallback must be "stream" or "error", not "maybe"; the setting is ignored in Unknown on line 0

Warning: PHP Startup: send_file.on_busy must be "stream" or "error", not "1"; the setting is ignored in Unknown on line 0

Warning: PHP Startup: send_file.accept_timeout_ms must be a number of milliseconds from 1 to 60000, not "0"; the setting is ignored in Unknown on line 0
send_file.accept_timeout_ms = 100
send_file.fallback = stream
send_file.manager_socket = /run/send-file/manager.sock
send_file.min_size = 16384
send_file.on_busy = error
