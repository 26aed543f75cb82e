<?php
// The lock of the session must be gone while bytes flow.
require __DIR__ . '/lib.php';

session_save_path(dirname(__DIR__) . '/sessions');
session_id($_GET['id'] ?? 'sharedbyall');
session_start();
$_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;
if (isset($_GET['file'])) {
    send_file(file_of_query(), ...options_of_query());
}
echo 'visits: ', $_SESSION['visits'];
