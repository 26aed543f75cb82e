<?php
// What the scripts of the tests share. The query says what to send and how.

function file_of_query(): string
{
    return dirname(__DIR__, 2) . '/files/' . ($_GET['file'] ?? 'page.bin');
}

/** The named arguments of send_file() that the query gives. */
function options_of_query(): array
{
    $options = [];
    foreach (['content_type', 'download_as', 'etag', 'tag'] as $name) {
        if (isset($_GET[$name])) {
            $options[$name] = $_GET[$name];
        }
    }
    foreach (['offset', 'length', 'rate', 'burst'] as $name) {
        if (isset($_GET[$name])) {
            $options[$name] = (int) $_GET[$name];
        }
    }
    foreach (['inline', 'delete', 'precompressed', 'end_request'] as $name) {
        if (isset($_GET[$name])) {
            $options[$name] = (bool) $_GET[$name];
        }
    }
    return $options;
}

/** Leaves word for the test that waits for it; whole, or not at all. */
function mark(string $event, string $text = ''): void
{
    $path = dirname(__DIR__, 2) . '/marks/' . $_GET['tag'] . '.' . $event;
    file_put_contents("$path.new", $text);
    rename("$path.new", $path);
}
