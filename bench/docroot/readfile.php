<?php
// What PHP does by itself.
$path = dirname(__DIR__, 2) . '/files/' . $_GET['file'];
header('Content-Type: application/octet-stream');
header('Content-Length: ' . filesize($path));
readfile($path);
