<?php
// Arguments as an attacker would have them, handed through by a careless script. A refusal is answered with 400.
// They come encoded twice, since lighttpd refuses control characters in a query.
require __DIR__ . '/lib.php';

$_GET = array_map(rawurldecode(...), $_GET);
if (isset($_GET['header'])) {
    header($_GET['header']);
}
try {
    send_file(file_of_query(), ...options_of_query());
} catch (ValueError $e) {
    http_response_code(400);
    echo 'refused: ', $e->getMessage();
} catch (SendFile\Exception $e) {
    http_response_code(404);
    echo 'not sent: ', $e->getMessage();
}
