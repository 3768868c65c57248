#!/usr/bin/env bash
# Brings what apt and pip must bring: `setup.sh base`, or `setup.sh base streams vm` for all rings.
# It looks before it acts, says what it installs, and does nothing where nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

# Debian's own Python, not one that stands before it on PATH: the VM ring sees this file system,
# and a Python of its own build may lie where the VM does not look.
python=/usr/bin/python3
cache=.cache
did_something=no

say() { did_something=yes; printf 'setup: %s\n' "$*"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

section() { awk -v want="[$1]" '/^#/ {on = ($2 == want)} !/^#/ && NF && on {print $1}' tools/packages.txt; }

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Package lists are absent on a new machine, and old ones name files that are gone: update first.
install_packages() {
    local missing=() name
    for name in "$@"; do installed "$name" || missing+=("$name"); done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing Debian packages: ${missing[*]}"
    quietly as_root apt-get update
    quietly as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --no-install-recommends "${missing[@]}"
}

# Debian starts a web server as soon as nginx is installed; the tests start their own, in namespaces.
mask_nginx() {
    installed nginx || ! command -v systemctl >/dev/null || as_root systemctl mask --quiet nginx.service
}

# Long output of a step that went well helps nobody; of one that failed it is all there is.
quietly() {
    mkdir -p "$cache"
    if ! "$@" >"$cache/setup.log" 2>&1 </dev/null; then
        cat "$cache/setup.log" >&2
        printf 'setup: this failed: %s\n' "$*" >&2
        return 1
    fi
}

install_python() {
    local key
    # What stands below the first tool's section says how tools behave, not what is installed.
    key=$({ sed '/^\[tool\.pytest/,$d' pyproject.toml; "$python" --version; pwd; } | sha256sum)
    [ "$(cat .venv/setup.key 2>/dev/null)" != "$key" ] || return 0
    say "making .venv with $("$python" --version) and installing lbrouter with its Python packages"
    quietly "$python" -m venv --clear .venv
    quietly .venv/bin/python -m pip install --disable-pip-version-check --editable '.[dev]'
    printf '%s\n' "$key" >.venv/setup.key
}

# For `make fuzz` alone: 35 MB, and there is none for each Python.
install_fuzzer() {
    ! .venv/bin/python -c 'import atheris' 2>/dev/null || return 0
    say "installing the fuzzer (atheris) into .venv"
    quietly .venv/bin/python -m pip install --disable-pip-version-check --editable '.[fuzz]'
}

# A machine that cannot have it still runs the other rings: the VM ring then says why it is skipped.
fetch_kernel() {
    [ ! -e $cache/vm/kernel ] || return 0
    say "fetching Debian's kernel for the VM ring into $cache/vm"
    quietly as_root apt-get update
    quietly tools/fetch-kernel.sh $cache/vm || say "no kernel: the VM ring will be skipped"
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "setup: this needs Debian (or a relative of it): it installs what is missing with apt" >&2
    exit 69
fi
for part in "$@"; do
    [ "$part" != streams ] || mask_nginx
    # shellcheck disable=SC2046  # one word a package
    install_packages $(section "$part")
    case $part in
        base) install_python ;;
        vm) fetch_kernel ;;
        fuzz) install_fuzzer ;;
    esac
done
[ $did_something = yes ] || [ -n "${QUIET:-}" ] || echo 'setup: everything is in place'
