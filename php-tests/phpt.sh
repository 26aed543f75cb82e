#!/bin/sh
# Runs PHP's own test runner on php-tests/phpt with the extension that was built.
set -eu
cd "$(dirname "$0")/.."

php=$(command -v "${PHP:-php}")
runner=$("${PHP_CONFIG:-php-config}" --extension-dir)/build/run-tests.php
extension=${SEND_FILE_EXTENSION:-$PWD/target/release/libsend_file.so}

TEST_PHP_EXECUTABLE=$php TEST_PHP_CGI_EXECUTABLE=$(command -v php-cgi || true) NO_INTERACTION=1 \
    "$php" "$runner" -q --no-progress -d "extension=$extension" php-tests/phpt
