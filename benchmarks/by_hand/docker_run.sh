#!/usr/bin/env bash
# Runs an image that is there, with further options of docker run, and waits until it answers.
set -euo pipefail
name=$1 port=$2 version=$3
shift 3

docker run "$@" --detach --name "$name-$port" --publish "127.0.0.1:$port:8000" \
    --env HOST=0.0.0.0 --env PORT=8000 "$name:$version" >/dev/null
until curl --silent --fail "http://127.0.0.1:$port/" | grep --quiet "$version"; do
    sleep 0.02
done
