--TEST--
after output has left, send_file() throws and the script goes on
--EXTENSIONS--
send_file
--FILE--
<?php
echo "already out\n";
try {
    send_file(__FILE__);
} catch (SendFile\Exception $e) {
    echo $e->getMessage();
}
?>
--EXPECT--
already out
send_file(): the response headers have already been sent
