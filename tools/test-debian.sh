#!/usr/bin/env bash
# test-debian.sh [--kept] RELEASE COMMAND: this checkout in a bare Debian RELEASE (git, make, certificates and Debian's
# base, made by mmdebstrap), and there a command of the shell, such as `make demo && make test`. What it needs beyond
# that, `make` must bring. With --kept the root stays with all that `make` needs, and only the checkout is renewed.
# The root, and what apt and pip download, stay in .cache/debian.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/debian.sh

kept=no
[ "$1" != --kept ] || { kept=yes; shift; }
release=$1 command=$2
cache=$PWD/.cache/debian/$release
mkdir -p "$cache"/{archives,pip}
folders=("$cache/archives:/var/cache/apt/archives" "$cache/pip:/root/.cache/pip")
archive=$(base_root "$cache" "$release" git,make,ca-certificates,mount)

# What git knows, with what was not committed yet.
copy_checkout() {
    git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from - --ignore-failed-read 2>/dev/null \
        | tar --extract --directory "$1"
}

if [ $kept = yes ]; then
    tree=$cache/kept
    key=$({ echo "$archive"; cat tools/packages.txt tools/setup.sh pyproject.toml; } | sha256sum)
    if [ "$(cat "$cache/kept.key" 2>/dev/null)" != "$key" ]; then
        say "preparing a Debian ($release) in which the tests can run"
        unpack_root "$archive" "$tree"
        mkdir "$tree/root/lbrouter"
        copy_checkout "$tree/root/lbrouter"
        enter "$tree" "cd /root/lbrouter && QUIET=1 tools/setup.sh base" "${folders[@]}"
        printf '%s\n' "$key" >"$cache/kept.key"
    fi
    find "$tree/root/lbrouter" -mindepth 1 -maxdepth 1 ! -name .venv ! -name .cache -exec rm -rf {} +
else
    tree=$cache/tree
    unpack_root "$archive" "$tree"
    git clone --quiet --no-hardlinks . "$tree/root/lbrouter"
fi
copy_checkout "$tree/root/lbrouter"
say "Debian $(cat "$tree/etc/debian_version"): $command"
enter "$tree" "cd /root/lbrouter && $command" "${folders[@]}"
