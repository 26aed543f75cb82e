--TEST--
SendFile\Exception is an ordinary exception: it can be constructed, extended and serialized
--EXTENSIONS--
send_file
--FILE--
<?php
class Mine extends SendFile\Exception {}
$e = new Mine('message', 7, new SendFile\Exception('previous'));
var_dump($e instanceof RuntimeException, $e->getMessage(), $e->getCode(), $e->getPrevious()->getMessage());
var_dump(unserialize(serialize(new SendFile\Exception('kept')))->getMessage());
?>
--EXPECT--
bool(true)
string(7) "message"
int(7)
string(8) "previous"
string(4) "kept"
