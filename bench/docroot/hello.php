<?php
// The page that the request of a handed-over download is compared with.
header('Connection: close');
header('Content-Length: 12');
echo 'hello, world';
