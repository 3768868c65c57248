#!/usr/bin/env bash
# Five machines under Vagrant, in namespaces of their own: prints a table of what was seen (tests/vagrant).
# Where they cannot run it says why and ends with 69. Names of acts as arguments choose some of them.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -e dist/lbrouter.box ] || { echo 'vagrant-test: dist/ holds no box: run make box first' >&2; exit 69; }
# A bridge that was there before is somebody's own; one that comes while we run would be a mistake of ours.
before=$(ip -oneline link show type bridge)
# What an interrupted run has left: libvirt has forgotten it with its namespace. The logs stay.
forget() { rm -rf --one-file-system .cache/vagrant/lib .cache/vagrant/home .cache/vagrant/machines; }
[ -n "${LBROUTER_VAGRANT_KEEP:-}" ] || forget
status=0
tools/vagrant-lab.sh .venv/bin/python -m tests.vagrant "$@" </dev/null &
lab=$!
trap 'kill $lab' INT TERM HUP
wait $lab || status=$?
[ -n "${LBROUTER_VAGRANT_KEEP:-}" ] || forget
if [ "$(ip -oneline link show type bridge)" != "$before" ]; then
    echo 'vagrant-test: a bridge came up outside of the namespace' >&2
    exit 1
fi
exit $status
