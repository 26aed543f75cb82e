--TEST--
a missing file leaves the script free to answer 404
--EXTENSIONS--
send_file
--CGI--
--FILE--
<?php
ob_start();
echo 'buffered ';
try {
    send_file(__DIR__ . '/nothing', 'text/plain', 'x.txt');
} catch (SendFile\Exception $e) {
    http_response_code(404);
    header('Content-Type: text/plain');
    echo 'and kept';
}
print_r(preg_grep('/disposition|etag|length|modified/i', headers_list()));
?>
--EXPECTHEADERS--
Status: 404 Not Found
Content-type: text/plain;charset=UTF-8
--EXPECT--
buffered and keptArray
(
)
