<?php
// What download plugins do: no limit, no session, no buffers, no cache, headers of another age.
require __DIR__ . '/lib.php';

ob_start();
echo 'a notice of some plugin';
ob_start();
$path = file_of_query();
session_save_path(dirname(__DIR__) . '/sessions');
session_id('ofthe' . $_GET['tag']);
session_start();
ignore_user_abort(true);
set_time_limit(0);
session_write_close();
ini_set('zlib.output_compression', 'Off');
while (ob_get_level() > 0) {
    ob_end_clean();
}
header('Expires: Wed, 11 Jan 1984 05:00:00 GMT');
header('Cache-Control: no-cache, must-revalidate, max-age=0');
header('Pragma: no-cache');
header_remove('Last-Modified');
header('Robots: none');
header('Content-Type: application/zip');
header('Content-Description: File Transfer');
header('Content-Disposition: attachment; filename="plugin.zip"');
header('Content-Transfer-Encoding: binary');
header('Content-Length: ' . filesize($path));
header('X-Robots-Tag: noindex, nofollow', true);
send_file($path, ...options_of_query());
