--TEST--
INI settings: valid values of every kind are taken as they stand
--EXTENSIONS--
send_file
--INI--
display_startup_errors=1
send_file.manager_socket=
send_file.min_size=64K
send_file.types="video/*, application/zip image/*"
send_file.root=/srv/files/:/var/lib/a b
send_file.rate=1M
send_file.mime_types=/etc/mime.types
send_file.precompressed=On
send_file.fallback=error
send_file.on_busy=stream
send_file.accept_timeout_ms=60000
--FILE--
<?php
foreach (ini_get_all('send_file') as $name => $entry) {
    echo $name, ' = ', $entry['global_value'], "\n";
}
?>
--EXPECT--
send_file.accept_timeout_ms = 60000
send_file.fallback = error
send_file.manager_socket = 
send_file.mime_types = /etc/mime.types
send_file.min_size = 64K
send_file.on_busy = stream
send_file.precompressed = 1
send_file.rate = 1M
send_file.root = /srv/files/:/var/lib/a b
send_file.types = video/*, application/zip image/*
