#!/bin/sh
# Installs the Debian packages for the named purposes, if any is missing. The one list that make, CI and docker use.
#
#   packaging/install-packages.sh build            to compile the extension and the manager
#   packaging/install-packages.sh cli apache fpm   to run PHP's own server, Apache with mod_php, nginx with php-fpm
#   packaging/install-packages.sh test             everything the tests need
#   packaging/install-packages.sh bench            what `make bench` compares with, besides
#   packaging/install-packages.sh fuzz             to compile libFuzzer into the fuzz targets
#
# Never asks. Uses sudo if it is not root. Does not start any service.
set -eu

build="php-dev clang libclang-dev gcc libc6-dev make"
cli="php-cli"
apache="apache2 libapache2-mod-php"
fpm="nginx php-fpm"
test="$cli $apache $fpm lighttpd php-cgi curl openssl procps wget aria2 chromium bindfs fuse3 valgrind haproxy"
bench="$test libapache2-mod-xsendfile iproute2"
fuzz="g++ gcc libc6-dev make"

packages=""
for purpose in "$@"; do
    case $purpose in
        build) packages="$packages $build" ;;
        cli) packages="$packages $cli" ;;
        apache) packages="$packages $apache" ;;
        fpm) packages="$packages $fpm" ;;
        test) packages="$packages $test" ;;
        bench) packages="$packages $bench" ;;
        fuzz) packages="$packages $fuzz" ;;
        *) echo "$0: unknown purpose '$purpose' (build, cli, apache, fpm, test, bench, fuzz)" >&2; exit 2 ;;
    esac
done

missing=""
for package in $packages; do
    case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
        installed) ;;
        *) missing="$missing $package" ;;
    esac
done

case " $* " in
    *" build "*)
        if ! command -v cargo >/dev/null; then
            echo "$0: cargo is missing. Debian 12's own is too old: install Rust 1.88 or newer with rustup." >&2
            exit 1
        fi ;;
esac

[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" != 0 ]; then
    if ! sudo -n true 2>/dev/null && [ ! -t 0 ]; then
        echo "$0: not root, and sudo would ask for a password. Install these first:$missing" >&2
        exit 1
    fi
    as_root=sudo
fi

# Debian starts a service when it is installed, unless this file says no.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap '$as_root rm -f $policy' EXIT INT TERM
    printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
    $as_root chmod 755 $policy
fi

echo "Installing:$missing"
$as_root apt-get update -qq
# shellcheck disable=SC2086  # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
