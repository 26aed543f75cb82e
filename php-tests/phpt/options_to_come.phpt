--TEST--
options of a later version are refused, not ignored
--EXTENSIONS--
send_file
--FILE--
<?php
foreach (['offset' => 1, 'length' => 5, 'etag' => '"x"', 'rate' => 1000, 'burst' => 1000, 'delete' => true, 'precompressed' => true] as $name => $value) {
    try {
        send_file(__FILE__, ...[$name => $value]);
    } catch (ValueError $e) {
        $messages[] = $e->getMessage();
    }
}
echo implode("\n", $messages);
?>
--EXPECT--
send_file(): Argument $offset is not supported by this version
send_file(): Argument $length is not supported by this version
send_file(): Argument $etag is not supported by this version
send_file(): Argument $rate is not supported by this version
send_file(): Argument $burst is not supported by this version
send_file(): Argument $delete is not supported by this version
send_file(): Argument $precompressed is not supported by this version
