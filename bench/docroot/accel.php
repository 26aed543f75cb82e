<?php
// nginx and its own location.
header('Content-Type: application/octet-stream');
header('X-Accel-Redirect: /protected/' . $_GET['file']);
