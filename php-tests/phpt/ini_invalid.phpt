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
send_file.types=video
send_file.root=/srv:relative
send_file.rate=fast
send_file.mime_types=mime.types
send_file.precompressed=perhaps
--FILE--
<?php
foreach (ini_get_all('send_file') as $name => $entry) {
    echo $name, ' = ', $entry['global_value'], "\n";
}
?>
--EXPECT--
Warning: PHP Startup: send_file.manager_socket must be an absolute path of at most 107 bytes, or nothing, not "relative.sock"; the setting is ignored in Unknown on line 0

Warning: PHP Startup: send_file.min_size must be a number of bytes such as 16384 or 64K, not "-1"; the setting is ignored in Unknown on line 0

Warning: PHP Startup: send_file.types must be a list of media types such as "video/*, application/zip", or nothing, not "video"; the setting is ignored in Unknown on line 0

Warning: PHP Startup: send_file.root must be a list of absolute paths with colons between them, or nothing, not "/srv:relative"; no file can be sent in Unknown on line 0

Warning: PHP Startup: send_file.fallback must be "stream" or "error", not "maybe"; the setting is ignored in Unknown on line 0

Warning: PHP Startup: send_file.on_busy must be "stream" or "error", not "1"; the setting is ignored in Unknown on line 0

Warning: PHP Startup: send_file.accept_timeout_ms must be a number of milliseconds from 1 to 60000, not "0"; the setting is ignored in Unknown on line 0

Warning: PHP Startup: send_file.rate must be a number of bytes per second such as 500K, or 0 for no limit, not "fast"; the setting is ignored in Unknown on line 0

Warning: PHP Startup: send_file.mime_types must be the absolute path of a mime.types file, or nothing, not "mime.types"; the setting is ignored in Unknown on line 0

Warning: PHP Startup: send_file.precompressed must be "On" or "Off", not "perhaps"; the setting is ignored in Unknown on line 0
send_file.accept_timeout_ms = 100
send_file.fallback = stream
send_file.manager_socket = /run/send-file/manager.sock
send_file.mime_types = 
send_file.min_size = 2M
send_file.on_busy = error
send_file.precompressed = 0
send_file.rate = 0
send_file.root = /srv:relative
send_file.types = 
