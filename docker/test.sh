#!/bin/bash
# Builds the images of docker/, runs them for real, and downloads a file through each stack.
#
# With docker where its daemon answers, else with buildah and podman, which are installed if missing (Debian, as root).
# Where no image registry can be reached, the two base images are made here: Debian from its archive, Rust from this
# machine's toolchain. Keeps the images, so that the next time is quick; removes everything else.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly STACKS="apache fpm-nginx"
readonly DEBIAN=docker.io/library/debian:bookworm-slim
readonly RUST=docker.io/library/rust:1-bookworm
readonly IMAGES=localhost/send-file-test
readonly FILE_BYTES=50000000
readonly PATIENCE_S=60

run=send-file-test-$$
scratch=$(mktemp -d)
passed=0
failed=0
downloads=()

main() {
    trap clean_up EXIT
    trap 'exit 130' INT TERM
    choose_engine
    for name in manager $STACKS; do
        quietly "Building $name" build "$name"
    done
    make_files
    # As in compose.yaml.
    start manager --network none --read-only --cap-drop all --security-opt no-new-privileges \
        -v "$run:/run/send-file"
    check "the manager listens" eventually engine exec "$run-manager" test -S /run/send-file/manager.sock
    for stack in $STACKS; do
        start "$stack" -p 127.0.0.1::80 -v "$run:/run/send-file:ro,nocopy" -v "$scratch/files:/srv/files:ro"
        check_stack "$stack"
    done
    check_the_end
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
}

check_stack() {
    local stack=$1 url
    url=$(url_of "$stack")
    check "$stack: the page answers" eventually page_names "$url" "$stack.bin"
    check "$stack: a missing file is a 404" answers_404 "$url?file=none"
    check "$stack: a download of $FILE_BYTES bytes arrives unharmed" arrives "$url?file=$stack.bin"
    check "$stack: it was the manager that sent it" eventually was_handed_over "$stack.bin"
    check "$stack: a range arrives unharmed" range_arrives "$url?file=$stack.bin"
}

check_the_end() {
    local stack
    start_slow_downloads
    stop manager
    check "the manager ends cleanly when told to" ended_cleanly manager
    check "it had ${#downloads[@]} downloads to finish first" had_to_finish "${#downloads[@]}"
    check_slow_downloads
    for stack in $STACKS; do
        check "$stack: without the manager a download arrives, too" arrives "$(url_of "$stack")?file=$stack.bin"
    done

    engine start "$run-manager" >/dev/null
    check "the manager listens again" eventually engine exec "$run-manager" test -S /run/send-file/manager.sock
    start_slow_downloads
    for stack in $STACKS; do
        stop "$stack" &
    done
    check_slow_downloads
    for stack in $STACKS; do
        check "$stack ends cleanly when told to" eventually ended_cleanly "$stack"
    done
}

# They take five seconds; when this returns they are under way.
start_slow_downloads() {
    local stack
    downloads=()
    for stack in $STACKS; do
        rm -f "$scratch/$stack.part"
        arrives_slowly "$stack" &
        downloads+=($!)
    done
    for stack in $STACKS; do
        eventually test -s "$scratch/$stack.part"
    done
}

check_slow_downloads() {
    local download
    for download in "${downloads[@]}"; do
        check "a download that was under way then arrives unharmed" wait "$download"
    done
}

# check SENTENCE COMMAND...: counts it, and shows the logs if it failed.
check() {
    local sentence=$1 name
    shift
    if "$@"; then
        echo "ok      $sentence"
        passed=$((passed + 1))
        return
    fi
    echo "FAILED  $sentence"
    failed=$((failed + 1))
    for name in manager $STACKS; do
        echo "--- $name"
        engine logs "$run-$name" 2>&1 | tail -n 20 || true
    done
}

eventually() {
    local deadline=$((SECONDS + PATIENCE_S))
    until "$@" 2>/dev/null; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}

page_names() {
    curl -fsS -m "$PATIENCE_S" "$1" | grep "file=$2" >/dev/null
}

answers_404() {
    [ "$(curl -sS -m "$PATIENCE_S" -o /dev/null -w '%{http_code}' "$1")" = 404 ]
}

arrives() {
    [ "$(curl -fsS -m "$PATIENCE_S" "$@" | sha256sum)" = "$sha256" ]
}

arrives_slowly() {
    local url
    url="$(url_of "$1")?file=$1.bin"
    [ "$(curl -fsS -m "$PATIENCE_S" --limit-rate 10M "$url" | tee "$scratch/$1.part" | sha256sum)" = "$sha256" ]
}

range_arrives() {
    curl -fsS -m "$PATIENCE_S" -r 1000000-1999999 "$1" |
        cmp - <(tail -c +1000001 "$scratch/files/apache.bin" | head -c 1000000)
}

was_handed_over() {
    engine logs "$run-manager" 2>&1 | grep '"download ended"' | grep "\"tag\":\"$1\"" |
        grep "\"bytes\":$FILE_BYTES," | grep '"outcome":"complete"' >/dev/null
}

had_to_finish() {
    engine logs "$run-manager" 2>&1 | grep '"ending' | grep "\"downloads\":$1\b" >/dev/null
}

ended_cleanly() {
    [ "$(engine inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$run-$1")" = "exited 0" ]
}

url_of() {
    echo "http://$(engine port "$run-$1" 80/tcp | head -n 1)/"
}

start() {
    local name=$1
    shift
    engine run -d --name "$run-$name" ${run_flags[@]+"${run_flags[@]}"} "$@" "$IMAGES/$name" >/dev/null
}

stop() {
    engine stop -t 40 "$run-$1" >/dev/null
}

# One content under a name for each stack: the name is the tag in the manager's log.
make_files() {
    local stack
    mkdir "$scratch/files"
    head -c "$FILE_BYTES" /dev/urandom >"$scratch/content"
    sha256=$(sha256sum <"$scratch/content")
    for stack in $STACKS; do
        ln "$scratch/content" "$scratch/files/$stack.bin"
    done
    chmod -R a+rX "$scratch/files"
}

clean_up() {
    local name
    if [ -n "${engine:-}" ]; then
        for name in $STACKS manager; do
            engine rm -f "$run-$name" >/dev/null 2>&1 || true
        done
        engine volume rm -f "$run" >/dev/null 2>&1 || true
    fi
    rm -rf --one-file-system "$scratch"
}

# ---- Engines

# What podman needs where docker needs nothing.
podman_flags=()
run_flags=()
# Where a base image is to be taken from, if not from the registry.
base_flags=()

choose_engine() {
    if docker version >/dev/null 2>&1; then
        engine=docker
        return
    fi
    install_if_missing buildah podman runc
    engine=podman
    if command -v runc >/dev/null; then
        # crun needs a cgroup set-up that some virtual machines lack.
        podman_flags+=(--runtime runc)
    fi
    if [ ! -d /run/systemd/system ]; then
        podman_flags+=(--cgroup-manager cgroupfs)
    fi
    # Its defaults may be more than this machine allows.
    run_flags+=(--ulimit nofile=4096:4096 --ulimit nproc=4096:4096)
    find_base_images
}

engine() {
    if [ "$engine" = docker ]; then
        docker "$@"
    else
        podman "${podman_flags[@]}" "$@"
    fi
}

build() {
    local file=docker/$1.Dockerfile image=$IMAGES/$1
    if [ "$engine" = docker ]; then
        docker build -f "$file" -t "$image" .
    else
        buildah bud --layers --isolation chroot --network host --pull=false ${base_flags[@]+"${base_flags[@]}"} \
            -f "$file" -t "$image" .
    fi
}

install_if_missing() {
    local program missing=()
    for program in "$@"; do
        command -v "$program" >/dev/null || missing+=("$program")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "$0: missing: ${missing[*]}. Install that, or start a Docker daemon." >&2
        exit 1
    fi
    echo "Installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# quietly SENTENCE COMMAND...: its output matters only if it fails.
quietly() {
    local since=$SECONDS sentence=$1
    shift
    echo "$sentence"
    # In a shell of its own, where -e works.
    (set -e; "$@") >"$scratch/output" 2>&1 &
    if ! wait $!; then
        cat "$scratch/output"
        echo "$0: failed: $sentence" >&2
        exit 1
    fi
    echo "        $((SECONDS - since)) s"
}

# ---- Base images where there is no registry

find_base_images() {
    local debian=$DEBIAN rust
    if ! available "$DEBIAN"; then
        debian=$IMAGES/debian:bookworm-slim
        available "$debian" || quietly "Making a Debian image" make_debian_image "$debian"
        base_flags+=(--build-context "$DEBIAN=docker-image://$debian")
    fi
    if ! available "$RUST"; then
        rust=$IMAGES/rust:$(rustc --version | cut -d ' ' -f 2)
        available "$rust" || quietly "Making a Rust image" make_rust_image "$rust" "$debian"
        base_flags+=(--build-context "$RUST=docker-image://$rust")
    fi
}

# Whether the image is here, or can be had.
available() {
    podman image exists "$1" || buildah pull -q "$1" >/dev/null 2>&1
}

make_debian_image() {
    local image=$1 root=$scratch/debian mirror sources
    install_if_missing debootstrap
    # From where this machine has its own packages, if it is a Debian of the same release.
    sources=$(apt-get indextargets --format "deb \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" "Component: main" |
        grep ' bookworm' | sort -u || true)
    mirror=$(echo "$sources" | awk '$3 == "bookworm" { print $2; exit }')
    debootstrap --variant=minbase bookworm "$root" ${mirror:+"$mirror"}
    if [ -n "$sources" ]; then
        echo "$sources" >"$root/etc/apt/sources.list"
    fi
    # Proxies and the like.
    apt-config dump | grep -E '^Acquire::(https?|Check-)' >"$root/etc/apt/apt.conf.d/99host" || true
    # What "slim" means.
    printf 'path-exclude /usr/share/%s/*\n' doc man >"$root/etc/dpkg/dpkg.cfg.d/slim"
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
    tar -C "$root" -c . | podman import - "$image"
}

# The C compiler comes with packaging/install-packages.sh.
make_rust_image() {
    local image=$1 debian=$2 container sysroot certificates cargo=${CARGO_HOME:-$HOME/.cargo} home=/usr/local/cargo
    sysroot=$(rustc --print sysroot)
    container=$(buildah from --pull-never "$debian")
    buildah copy "$container" "$sysroot/bin" /usr/local/bin
    buildah copy "$container" "$sysroot/lib" /usr/local/lib
    # Crates come from where this machine gets them.
    certificates=${CARGO_HTTP_CAINFO:-${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}}
    buildah copy "$container" "$certificates" $home/certificates.pem
    buildah config --env CARGO_HOME=$home --env CARGO_HTTP_CAINFO=$home/certificates.pem "$container"
    if [ -f "$cargo/config.toml" ]; then
        buildah copy "$container" "$cargo/config.toml" $home/config.toml
    fi
    buildah commit --rm "$container" "$image"
}

main "$@"
