<?php
// Which way files go in answer to this request.
header('Content-Type: text/plain');
echo send_file_route();
