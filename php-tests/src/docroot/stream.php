<?php
// The same bytes from every kind of stream that can be sent; what was written last is where the position is.
require __DIR__ . '/lib.php';

$stream = match ($_GET['kind']) {
    'file' => fopen(file_of_query(), 'r'),
    'tmpfile' => tmpfile(),
    default => fopen('php://' . $_GET['kind'], 'w+'),
};
if ($_GET['kind'] !== 'file') {
    fwrite($stream, file_get_contents(file_of_query()));
}
send_stream($stream, ...options_of_query());
