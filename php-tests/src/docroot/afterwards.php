<?php
// What a script finds after the call: the answer is out, the client is not gone.
require __DIR__ . '/lib.php';

final class Witness
{
    public function __destruct()
    {
        mark('destructor');
        throw new RuntimeException('out of a destructor');
    }
}
register_shutdown_function(function (): void {
    mark('shutdown', json_encode(state()));
});
set_error_handler(function (int $level, string $message): bool {
    mark('error', $message);
    return true;
});
$witness = new Witness();
$path = file_of_query();
send_file($path, ...options_of_query(), end_request: false);
mark('after', json_encode(state()));
switch ($_GET['then']) {
    case 'unlink':
        unlink($path);
        break;
    case 'exception':
        throw new RuntimeException('after the call');
    case 'fatal':
        undefined_function();
    case 'again':
        try {
            send_file($path);
        } catch (SendFile\Exception $e) {
            mark('again', $e->getMessage());
        }
}

function state(): array
{
    return [
        'headers_sent' => headers_sent(),
        'connection_status' => connection_status(),
        'connection_aborted' => connection_aborted(),
        'http_response_code' => http_response_code(),
    ];
}
