--TEST--
INI settings: defaults, and none can be changed by a script
--EXTENSIONS--
send_file
--FILE--
<?php
foreach (ini_get_all('send_file') as $name => $entry) {
    printf("%s = %s (%d)\n", $name, $entry['global_value'], $entry['access']);
    var_dump(ini_set($name, 'stream'));
}
?>
--EXPECT--
send_file.accept_timeout_ms = 100 (4)
bool(false)
send_file.fallback = stream (4)
bool(false)
send_file.manager_socket = /run/send-file/manager.sock (4)
bool(false)
send_file.mime_types =  (4)
bool(false)
send_file.min_size = 2M (4)
bool(false)
send_file.on_busy = error (4)
bool(false)
send_file.precompressed = 0 (4)
bool(false)
send_file.rate = 0 (4)
bool(false)
send_file.root =  (4)
bool(false)
send_file.types =  (4)
bool(false)
