<?php
// Shutdown functions run to their end after send_file(), whatever they print; the line after it does not run.
require __DIR__ . '/lib.php';

register_shutdown_function(function (): void {
    echo str_repeat('printed at the end ', 10_000);
    flush();
    mark('shutdown', 'connection status ' . connection_status());
});
final class Witness
{
    public function __destruct()
    {
        mark('destructor');
    }
}
$witness = new Witness();
send_file(file_of_query(), ...options_of_query());
mark('after');
