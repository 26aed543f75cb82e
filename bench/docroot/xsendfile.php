<?php
// mod_xsendfile of Apache, and lighttpd.
header('Content-Type: application/octet-stream');
header('X-Sendfile: ' . dirname(__DIR__, 2) . '/files/' . $_GET['file']);
