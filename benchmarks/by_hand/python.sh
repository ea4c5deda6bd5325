#!/usr/bin/env bash
# Clones, installs into a virtual environment, starts, and waits until the new version answers.
set -euo pipefail
repository=$1 directory=$2 port=$3 version=$4

git clone --quiet --depth 1 "file://$repository" "$directory"
cd "$directory"
python3 -m venv .venv
.venv/bin/pip install --quiet --requirement requirements.txt
HOST=127.0.0.1 PORT=$port .venv/bin/python app.py >output 2>&1 &
echo $! >pid
until curl --silent --fail "http://127.0.0.1:$port/" | grep --quiet "$version"; do
    sleep 0.02
done
