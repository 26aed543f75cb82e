#!/bin/bash
# drain.sh one|two: takes a node of compose.nodes.yaml out of service. New downloads go to the other node; when the last one
# under way has ended, however long that takes, its web server and its manager are stopped.
#
# To bring it back: docker compose -f docker/compose.nodes.yaml start manager-one web-one, then "drain.sh --ready one".
set -euo pipefail
cd "$(dirname "$0")"

readonly COMPOSE=${COMPOSE:-docker compose}

main() {
    case "$*" in
        one | two) drain "$1" ;;
        "--ready one" | "--ready two") ask "set server nodes/$2 state ready" ;;
        *) echo "usage: $0 [--ready] one|two" >&2; exit 2 ;;
    esac
}

drain() {
    local node=$1 under_way
    ask "set server nodes/$node state drain"
    while under_way=$(downloads_of "$node") && [ "$under_way" != 0 ]; do
        echo "$under_way under way on node $node"
        sleep 2
    done
    compose stop "web-$node" "manager-$node"
}

# "pxname,svname,qcur,qmax,scur,...": the fifth is what is under way.
downloads_of() {
    ask "show stat" | awk -F , -v node="$1" '$1 == "nodes" && $2 == node { print $5; found = 1 } END { exit !found }'
}

ask() {
    # The image has no socat, but bash.
    compose exec -T haproxy bash -c 'exec 3<>/dev/tcp/127.0.0.1/9999 && echo "$1" >&3 && cat <&3' bash "$1"
}

compose() {
    $COMPOSE -f compose.nodes.yaml "$@"
}

main "$@"
