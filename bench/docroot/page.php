<?php
// A page without any file.
$text = 'hello, world';
header('Content-Length: ' . strlen($text));
echo $text;
