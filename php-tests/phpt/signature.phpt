--TEST--
send_file(): signature, defaults and return type
--EXTENSIONS--
send_file
--FILE--
<?php
echo new ReflectionFunction('send_file');
$class = new ReflectionClass('SendFile\Exception');
var_dump($class->getParentClass()->name, $class->isInternal(), $class->getExtensionName());
?>
--EXPECT--
Function [ <internal:send_file> function send_file ] {

  - Parameters [13] {
    Parameter #0 [ <required> string $filename ]
    Parameter #1 [ <optional> ?string $content_type = null ]
    Parameter #2 [ <optional> ?string $download_as = null ]
    Parameter #3 [ <optional> bool $inline = false ]
    Parameter #4 [ <optional> int $offset = 0 ]
    Parameter #5 [ <optional> ?int $length = null ]
    Parameter #6 [ <optional> ?string $etag = null ]
    Parameter #7 [ <optional> ?int $rate = null ]
    Parameter #8 [ <optional> ?int $burst = null ]
    Parameter #9 [ <optional> bool $delete = false ]
    Parameter #10 [ <optional> ?string $tag = null ]
    Parameter #11 [ <optional> bool $precompressed = false ]
    Parameter #12 [ <optional> bool $end_request = true ]
  }
  - Return [ void ]
}
string(16) "RuntimeException"
bool(true)
string(9) "send_file"
