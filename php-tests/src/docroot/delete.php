<?php
// A copy of the file, with the same date, that is deleted once it is on its way; a mark says that the request has ended.
require __DIR__ . '/lib.php';

$original = file_of_query();
$copy = dirname($original) . '/copies/' . $_GET['tag'];
copy($original, $copy);
touch($copy, filemtime($original));
register_shutdown_function(mark(...), 'ended');
foreach ($_GET['header'] ?? [] as $line) {
    header($line, false);
}
send_file($copy, ...options_of_query(), delete: true);
