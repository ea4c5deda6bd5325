#!/usr/bin/env bash
# Clones, installs what the lock file says, starts, and waits until the new version answers.
# What npm keeps lies beside the directory: a new project has nothing there.
set -euo pipefail
repository=$1 directory=$2 port=$3 version=$4

git clone --quiet --depth 1 "file://$repository" "$directory"
cd "$directory"
npm ci --silent --cache "$directory/../npm"
HOST=127.0.0.1 PORT=$port setsid npm start >output 2>&1 &
echo $! >pid
until curl --silent --fail "http://127.0.0.1:$port/" | grep --quiet "$version"; do
    sleep 0.02
done
