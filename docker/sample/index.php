<?php
// Lists the files of /srv/files; ?file=NAME downloads one of them.
const FOLDER = '/srv/files/';

$name = basename((string) filter_input(INPUT_GET, 'file'));
if ($name !== '') {
    try {
        send_file(FOLDER . $name, download_as: $name, tag: substr($name, 0, 128));
    } catch (SendFile\Exception) {
        http_response_code(404);
        exit("There is no such file.\n");
    }
}
foreach (array_filter(scandir(FOLDER), fn ($name) => is_file(FOLDER . $name)) as $name) {
    printf("<p><a href=\"?file=%s\">%s</a></p>\n", rawurlencode($name), htmlspecialchars($name));
}
