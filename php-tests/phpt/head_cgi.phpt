--TEST--
HEAD has the headers of GET and no body
--EXTENSIONS--
send_file
--SKIPIF--
<?php
if (!getenv('TEST_PHP_CGI_EXECUTABLE')) die('skip php-cgi is needed');
if (!is_readable('/proc/self/maps')) die('skip /proc is needed');
?>
--FILE--
<?php
$file = __DIR__ . '/head_cgi.tmp.php';
file_put_contents($file, '<?php send_file(__FILE__, "text/plain", "a.txt");');
preg_match('~\S*send_file\S*\.so~', file_get_contents('/proc/self/maps'), $library);
foreach (['GET', 'HEAD'] as $method) {
    $environment = ['REQUEST_METHOD' => $method, 'SCRIPT_FILENAME' => $file, 'REDIRECT_STATUS' => '1'];
    $command = [getenv('TEST_PHP_CGI_EXECUTABLE'), '-d', "extension=$library[0]"];
    $process = proc_open($command, [1 => ['pipe', 'w']], $pipes, null, $environment);
    [$headers[$method], $body[$method]] = explode("\r\n\r\n", stream_get_contents($pipes[1]));
    proc_close($process);
}
var_dump($headers['GET'] === $headers['HEAD'], strlen($body['GET']), $body['HEAD']);
echo implode("\n", preg_grep('/^content/i', explode("\r\n", $headers['HEAD'])));
?>
--CLEAN--
<?php unlink(__DIR__ . '/head_cgi.tmp.php');
--EXPECT--
bool(true)
int(49)
string(0) ""
Content-Type: text/plain
Content-Disposition: attachment; filename="a.txt"
Content-Length: 49
