--TEST--
signatures, defaults, return types, constants
--EXTENSIONS--
send_file
--FILE--
<?php
foreach (get_extension_funcs('send_file') as $name) {
    $function = new ReflectionFunction($name);
    $parameters = array_map(
        fn($p) => rtrim(substr($p, strpos($p, '> ') + 2), ' ]'),
        array_map('strval', $function->getParameters()),
    );
    echo "$name(", implode(', ', $parameters), '): ', $function->getReturnType(), "\n";
}
var_dump(SendFile\ROUTE_HANDOFF, SendFile\ROUTE_STREAM, SendFile\ROUTE_ERROR);
$class = new ReflectionClass('SendFile\Exception');
var_dump($class->getParentClass()->name, $class->isInternal(), $class->getExtensionName());
?>
--EXPECT--
send_file(string $filename, ?string $content_type = null, ?string $download_as = null, bool $inline = false, int $offset = 0, ?int $length = null, ?string $etag = null, ?int $rate = null, ?int $burst = null, bool $delete = false, ?string $tag = null, bool $precompressed = false, bool $end_request = true): void
send_buffer(string $data, ?string $content_type = null, ?string $download_as = null, bool $inline = false, int $offset = 0, ?int $length = null, ?string $etag = null, ?int $rate = null, ?int $burst = null, bool $delete = false, ?string $tag = null, bool $precompressed = false, bool $end_request = true): void
send_stream(mixed $stream, ?string $content_type = null, ?string $download_as = null, bool $inline = false, int $offset = 0, ?int $length = null, ?string $etag = null, ?int $rate = null, ?int $burst = null, bool $delete = false, ?string $tag = null, bool $precompressed = false, bool $end_request = true): void
send_file_route(): string
string(7) "handoff"
string(6) "stream"
string(5) "error"
string(16) "RuntimeException"
bool(true)
string(9) "send_file"
