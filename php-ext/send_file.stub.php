<?php

/**
 * Stubs of the extension send_file, for IDEs and static analysis. docs/ has a page for each topic.
 *
 * @generate-class-entries
 */

namespace SendFile {
    /**
     * The content cannot be sent: the file is missing, not readable, not a regular file, or outside open_basedir or
     * send_file.root; $offset lies beyond the end; the response headers have already been sent; another call is in
     * progress, or the call is made in an output buffer callback; or there is no memory for the data.
     *
     * Nothing has been sent when it is thrown: unless the headers were sent before, the script can still answer 404.
     * Its message does not name the path.
     */
    class Exception extends \RuntimeException
    {
    }

    /**
     * What send_file_route() answers if the connection would go to the manager. It stands alone.
     *
     * @var string
     */
    const ROUTE_HANDOFF = 'handoff';

    /**
     * What send_file_route() begins with if PHP would send the file itself. A colon and the reason follow.
     *
     * @var string
     */
    const ROUTE_STREAM = 'stream';

    /**
     * What send_file_route() begins with if the request would be answered 503, or cannot be answered any more. A colon
     * and the reason follow.
     *
     * @var string
     */
    const ROUTE_ERROR = 'error';
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
     *     try {
     *         send_file('/srv/files/report.pdf', download_as: 'Report März.pdf', tag: 'order-17');
     *     } catch (SendFile\Exception) {
     *         http_response_code(404);
     *     }
     *
     * @param string      $filename      A regular file, resolved as fopen() does, without the include path. Stream
     *                                   wrappers are refused.
     * @param string|null $content_type  The media type, at most 255 bytes; null: that of a header() before, else by the
     *                                   file's extension, else application/octet-stream. Replaces a header() before.
     * @param string|null $download_as   The name under which the browser saves the file: UTF-8, directories are dropped,
     *                                   at most 765 bytes. null: no Content-Disposition but the script's.
     * @param bool        $inline        With $download_as: the browser shows the file, and uses the name if it is saved.
     * @param int         $offset        Where in the file the content begins, in bytes. Ranges, lengths and 416 are
     *                                   relative to it.
     * @param int|null    $length        How many bytes from there are the content, cut at the end of the file; null: all.
     * @param string|null $etag          The entity tag, with its quotes ('"v1"', 'W/"v1"') or without ('v1'): visible
     *                                   ASCII, at most 256 bytes. Replaces a header() before. null: that of a header()
     *                                   before, else computed from size, modification time and inode. '': none.
     * @param int|null    $rate          Bytes per second, at least 1. null: send_file.rate, by default no limit.
     * @param int|null    $burst         Bytes that are sent at full speed before the rate applies. Nothing without a rate.
     * @param bool        $delete        Removes the file's name once the whole content is on its way: not after HEAD, 304
     *                                   or 412, and only if the name is still that of this file. Turns ranges off; not
     *                                   with $offset or $length.
     * @param string|null $tag           At most 128 bytes of your own, such as an order number; returned in the manager's
     *                                   log.
     * @param bool        $precompressed Sends a sibling file .br, .zst or .gz in its place if the client accepts that
     *                                   coding and the sibling is not older. Without effect with $delete, $offset or
     *                                   $length. send_file.precompressed turns it on for all calls.
     * @param bool        $end_request   true: the request ends as with exit; shutdown functions and destructors run.
     *                                   false: the script goes on; what it prints, and headers it sets, vanish.
     *
     * @throws \SendFile\Exception if the file cannot be sent; nothing has been sent by this call then
     * @throws \ValueError         if an argument is invalid; nothing has been sent either
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

    /**
     * Answers the request with a string and ends it, as send_file() does with a file.
     *
     * The string is copied into memory outside of PHP's memory_limit. There is no Last-Modified; the computed ETag is a
     * hash of the content, so that the same data is the same version in the next request.
     *
     *     send_buffer($pdf->render(), 'application/pdf', download_as: 'Invoice 17.pdf');
     *
     * @param string      $data          The content. It may be empty.
     * @param string|null $content_type  As for send_file(), but by the extension of $download_as.
     * @param string|null $download_as   As for send_file(). The media type does not depend on it.
     * @param bool        $inline        As for send_file().
     * @param int         $offset        As for send_file().
     * @param int|null    $length        As for send_file().
     * @param string|null $etag          As for send_file(), but computed from the content.
     * @param int|null    $rate          As for send_file().
     * @param int|null    $burst         As for send_file().
     * @param bool        $delete        Must be false.
     * @param string|null $tag           As for send_file().
     * @param bool        $precompressed Must be false.
     * @param bool        $end_request   As for send_file().
     *
     * @throws \SendFile\Exception if the data cannot be sent; nothing has been sent by this call then
     * @throws \ValueError         if an argument is invalid; nothing has been sent either
     */
    function send_buffer(
        string $data,
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

    /**
     * Answers the request with the whole content of an open stream and ends it, as send_file() does with a file.
     *
     * The position of the stream does not matter, and is as before afterwards. What the stream has buffered is written
     * first. send_file.root and open_basedir are not asked again: the script has opened it.
     *
     *     $csv = tmpfile();
     *     fputcsv($csv, ['order', 'sum']);
     *     send_stream($csv, 'text/csv', download_as: 'orders.csv');
     *
     * @param resource    $stream        A regular file, tmpfile(), php://temp or php://memory, without filters. It stays
     *                                   open.
     * @param string|null $content_type  As for send_file(), but by the extension of $download_as.
     * @param string|null $download_as   As for send_file(). The media type does not depend on it.
     * @param bool        $inline        As for send_file().
     * @param int         $offset        As for send_file(); counted from the beginning of the stream.
     * @param int|null    $length        As for send_file().
     * @param string|null $etag          As for send_file(). What PHP holds in memory has a hash of the content, and no
     *                                   Last-Modified.
     * @param int|null    $rate          As for send_file().
     * @param int|null    $burst         As for send_file().
     * @param bool        $delete        Must be false.
     * @param string|null $tag           As for send_file().
     * @param bool        $precompressed Must be false.
     * @param bool        $end_request   As for send_file().
     *
     * @throws \SendFile\Exception if the content cannot be sent; nothing has been sent by this call then
     * @throws \ValueError         if an argument is invalid, or the stream is of another kind
     * @throws \TypeError          if it is no stream, or a closed one
     */
    function send_stream(
        mixed $stream,
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

    /**
     * Says which way a file would go in answer to this request: SendFile\ROUTE_HANDOFF, or SendFile\ROUTE_STREAM or
     * SendFile\ROUTE_ERROR with a colon and the reason behind it.
     *
     * It goes that way as far as the manager's word: a download of one byte is offered and withdrawn. What send_file()
     * sends by itself for other reasons (a small body, HEAD, a type that is not in send_file.types) is not considered.
     *
     *     if (!str_starts_with(send_file_route(), SendFile\ROUTE_HANDOFF)) {
     *         error_log('downloads keep their workers: ' . send_file_route());
     *     }
     */
    function send_file_route(): string
    {
    }
}
