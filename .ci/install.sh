# Functions for the scripts in this directory, which source this file.

# Run a command up to three times, because downloads sometimes fail.
try() {
    local attempt
    for attempt in 1 2 3; do
        "$@" && return
        echo "Attempt $attempt of 3 failed: $*" >&2
        sleep $((attempt * 2))
    done
    return 1
}

# Forget variables of the calling shell that change what runs, except those for tests.
clean_environment() {
    # The tests start hundreds of programs. Without .pyc files each would compile its modules again.
    unset PYTHONDONTWRITEBYTECODE
    local name
    for name in "${!PUSHPAKA_@}"; do
        [[ $name == PUSHPAKA_TEST_* ]] || unset "$name"
    done
}

add_packages() {
    try apt-get -qq update
    try apt-get -qq install -y --no-install-recommends "$@"
}

# Create .ci/venv with nox, by the Python that $1 names.
install_nox() {
    "$1" -m venv .ci/venv
    try .ci/venv/bin/pip install --quiet 'nox[uv]'
}
