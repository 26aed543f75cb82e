--TEST--
no string argument of any function can add a header, or begin the body early
--EXTENSIONS--
send_file
--SKIPIF--
<?php require __DIR__ . '/cgi_skip.inc'; ?>
--FILE--
<?php
require __DIR__ . '/cgi.inc';
scratch();
file_put_contents('f.txt', 'content');
$functions = ['send_file' => '"f.txt"', 'send_buffer' => '"content"', 'send_stream' => 'fopen("f.txt", "r")'];
$arguments = ['content_type' => 'text/plain; a=b%s', 'download_as' => 'a%s.txt', 'etag' => 'v1%s', 'tag' => 'order%s'];
$attacks = ["\r\nX-Evil: 1", "\nX-Evil: 1", "\rX-Evil: 1", "\r\n\r\nevil", "\n\nevil", "\0\r\nX-Evil: 1", "\0", "\x7f", "\u{85}X-Evil: 1", "\u{2028}X-Evil: 1", "\xff\r\nX-Evil: 1"];
foreach ($functions as $function => $subject) {
    foreach ($arguments as $argument => $value) {
        $fates = [];
        foreach ($attacks as $number => $attack) {
            $answer = request("try { $function($subject, $argument: hex2bin('" . bin2hex(sprintf($value, $attack)) . "')); }
                catch (ValueError) { header('X-Refused: 1'); echo 'content'; }");
            $good = $answer->status === 200 && $answer->body === 'content' && $answer->log === '' && !isset($answer->fields['x-evil']);
            $fates[$good ? ($answer->field('X-Refused') ? 'refused' : 'harmless') : 'HARMED'][] = $number;
        }
        $lists = array_map(fn($fate) => "$fate " . implode(' ', $fates[$fate]), array_keys($fates));
        echo "$function $argument: ", implode(', ', $lists), "\n";
    }
}
?>
--EXPECT--
send_file content_type: refused 0 1 2 3 4 5 6 7 8 9 10
send_file download_as: refused 0 1 2 3 4 5 6 7 8 10, harmless 9
send_file etag: refused 0 1 2 3 4 5 6 7 8 9 10
send_file tag: harmless 0 1 2 3 4 5 6 7 8 9 10
send_buffer content_type: refused 0 1 2 3 4 5 6 7 8 9 10
send_buffer download_as: refused 0 1 2 3 4 5 6 7 8 10, harmless 9
send_buffer etag: refused 0 1 2 3 4 5 6 7 8 9 10
send_buffer tag: harmless 0 1 2 3 4 5 6 7 8 9 10
send_stream content_type: refused 0 1 2 3 4 5 6 7 8 9 10
send_stream download_as: refused 0 1 2 3 4 5 6 7 8 10, harmless 9
send_stream etag: refused 0 1 2 3 4 5 6 7 8 9 10
send_stream tag: harmless 0 1 2 3 4 5 6 7 8 9 10
