<?php
// Reads the way PHP does without the extension; what other ways are compared with.
require __DIR__ . '/lib.php';

header('Content-Length: ' . filesize(file_of_query()));
readfile(file_of_query());
