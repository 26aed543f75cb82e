#!/bin/bash
# serve SIGNAL COMMAND...: runs the commands of a web server in the foreground. When told to stop, or when one of them
# ends, sends the signal ("finish the requests at hand, then end") to all, and waits for them.
#
# Then it waits for the clients, too: of the downloads that the manager sends the server knows nothing, and with the
# container its network would go, and cut them off.
set -eu

readonly PORT=80
signal=$1
shift

asked_to_stop=""
trap 'asked_to_stop=yes' TERM INT
for command in "$@"; do
    $command &
done
wait -n || true
mapfile -t servers < <(jobs -p)
kill -s "$signal" "${servers[@]}" 2>/dev/null || true
# Bash's "wait" ends early when a signal comes.
while [ -n "$(jobs -rp)" ]; do
    wait || true
done

# Whether a connection still has bytes under way: 1 is ESTABLISHED, 4 FIN_WAIT1, 9 LAST_ACK, B CLOSING.
has_clients() {
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk -v port="$(printf ':%04X' "$PORT")" \
            '$2 ~ port "$" && $4 ~ /^0[149B]$/ { found = 1 } END { exit !found }'
}
while has_clients; do
    sleep 0.2
done
[ -n "$asked_to_stop" ]
