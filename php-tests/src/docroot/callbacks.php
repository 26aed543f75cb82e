<?php
// Code of the script that runs inside the call: it prints, leaves buffers open, and sets what would break the answer.
require __DIR__ . '/lib.php';

final class Careless implements SessionHandlerInterface
{
    public function open(string $path, string $name): bool { return true; }
    public function close(): bool { return true; }
    public function read(string $id): string { return ''; }
    public function write(string $id, string $data): bool
    {
        echo 'printed while the session is written';
        ob_start();
        echo 'left in a buffer';
        return true;
    }
    public function destroy(string $id): bool { return true; }
    public function gc(int $max_lifetime): int { return 0; }
}
session_set_save_handler(new Careless(), false);
session_start(['use_cookies' => false]);
$_SESSION['changed'] = true;
header_register_callback(function (): void {
    echo 'printed by the header callback';
    ob_start();
    echo 'left in another buffer';
    header('Content-Length: 5');
    header('Transfer-Encoding: chunked');
    header('X-From-Callback: kept');
});
send_file(file_of_query(), ...options_of_query());
