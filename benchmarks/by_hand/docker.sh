#!/usr/bin/env bash
# Clones, builds an image, runs it, and waits until the new version answers.
set -euo pipefail
repository=$1 directory=$2 name=$3 port=$4 version=$5

git clone --quiet --depth 1 "file://$repository" "$directory"
docker build --quiet --tag "$name:$version" "$directory" >/dev/null
"$(dirname "$0")/docker_run.sh" "$name" "$port" "$version"
