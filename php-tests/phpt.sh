#!/bin/sh
# Runs PHP's own test runner on php-tests/phpt with the extension that was built.
#
# On copies in a directory of their own: the tests and the runner write beside themselves. Root runs them as www-data,
# since root may read every file and one test is about a file that may not be read.
set -eu
cd "$(dirname "$0")/.."

php=$(command -v "${PHP:-php}")
cgi=$(command -v php-cgi)
extension=${SEND_FILE_EXTENSION:-${CARGO_TARGET_DIR:-$PWD/target}/release/libsend_file.so}
runner=$("${PHP_CONFIG:-php-config}" --extension-dir)/build/run-tests.php

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cp -r php-tests/phpt "$runner" "$place"
cp "$extension" "$place/libsend_file.so"
as=""
if [ "$(id -u)" = 0 ]; then
    chown -R www-data "$place"
    as="setpriv --reuid=www-data --regid=www-data --clear-groups"
fi

cd "$place"
# Where it cannot be loaded every test would be skipped, and none fail.
$as "$php" -n -d "extension=$place/libsend_file.so" --ri send_file >/dev/null
TEST_PHP_EXECUTABLE=$php TEST_PHP_CGI_EXECUTABLE=$cgi NO_INTERACTION=1 REPORT_EXIT_STATUS=1 \
    $as "$php" run-tests.php -q --no-color --no-progress --show-diff -d "extension=$place/libsend_file.so" phpt
