#!/usr/bin/env bash
# test-debian.sh RELEASE COMMAND: the checkout cloned into a bare Debian RELEASE (git, make, certificates, Debian's
# base), and there a command of the shell, such as `make demo && make test`. Everything that it then needs,
# `make` must bring. The root file system is made by mmdebstrap; it and what apt and pip download stay in .cache.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/debian.sh

release=$1 command=$2
cache=$PWD/.cache/debian/$release
mkdir -p "$cache"/{archives,pip}
archive=$(base_root "$cache" "$release" git,make,ca-certificates,mount)
tree=$cache/tree
unpack_root "$archive" "$tree"
git clone --quiet --no-hardlinks . "$tree/root/lbrouter"
say "Debian $(cat "$tree/etc/debian_version") in $tree, and there: $command"
enter "$tree" "cd /root/lbrouter && $command" "$cache/archives:/var/cache/apt/archives" "$cache/pip:/root/.cache/pip"
