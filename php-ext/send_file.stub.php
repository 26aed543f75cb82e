<?php

/**
 * Stubs of the extension send_file, for IDEs and static analysis.
 *
 * @generate-class-entries
 */

namespace SendFile {
    /**
     * The file cannot be sent: it is missing, not readable, not a regular file or outside open_basedir, the response
     * headers have already been sent, or another call of send_file() is in progress.
     *
     * Nothing has been sent when it is thrown: the script can still answer 404. Its message does not name the path.
     */
    class Exception extends \RuntimeException
    {
    }
}

namespace {
    /**
     * Answers the request with a file and ends it; the worker is free although the client is still downloading.
     *
     * What the script has set with header(), setcookie() and http_response_code() is kept. Output buffers are dropped
     * (their callbacks run), an active session is written and closed, and the callback of header_register_callback()
     * runs, all before the answer is decided: headers that they set are kept, what they print is not sent, and if they
     * throw, nothing has been sent. Called in a fiber, none of them can suspend it. Range, If-Range and conditional
     * requests are answered with 206, 304, 412 or 416; HEAD has no body. A status other than 200 that the script has
     * set turns that off.
     *
     * Where the connection cannot be handed over (no manager, TLS or HTTP/2 inside Apache, the command line), this
     * process sends the same status, headers and bytes itself.
     *
     * @param string      $filename      A regular file, resolved as fopen() does. Stream wrappers are refused.
     * @param string|null $content_type  The media type; null: by the file's extension, else application/octet-stream.
     *                                   Replaces a Content-Type that the script has set.
     * @param string|null $download_as   The name under which the browser saves the file (UTF-8). null: the browser
     *                                   decides.
     * @param bool        $inline        With $download_as: the browser shows the file, and uses the name if it is saved.
     * @param int         $offset        Not supported by this version.
     * @param int|null    $length        Not supported by this version.
     * @param string|null $etag          Not supported by this version.
     * @param int|null    $rate          Not supported by this version.
     * @param int|null    $burst         Not supported by this version.
     * @param bool        $delete        Not supported by this version.
     * @param string|null $tag           At most 128 bytes of your own, such as an order number; returned in the manager's
     *                                   log.
     * @param bool        $precompressed Not supported by this version.
     * @param bool        $end_request   true: the request ends as with exit; shutdown functions and destructors run.
     *                                   false: the script goes on; what it prints, and headers it sets, vanish.
     *
     * @throws \SendFile\Exception if the file cannot be sent; no header has been sent then
     * @throws \ValueError         if an argument is invalid, or not supported by this version
     */
    function send_file(
        string $filename,
        ?string $content_type = null,
        ?string $download_as = null,
        bool $inline = false,
        int $offset = 0,
        ?int $length = null,
        ?string $etag = null,
        ?int $rate = null,
        ?int $burst = null,
        bool $delete = false,
        ?string $tag = null,
        bool $precompressed = false,
        bool $end_request = true,
    ): void {
    }
}
