#!/bin/bash
# Runs inside the VM, as root, started by tests/vm/machine.py: $1 is the checkout, $2 the
# seconds that the tests have, the rest goes to pytest. All it leaves is in /mnt, the one folder that the host sees.
set -u
checkout=$1 within=$2
shift 2
cut -d ' ' -f 1 /proc/uptime >/mnt/booted

# The host's file system comes over 9p, where each look at a file is a message to the host: Python
# starts three times faster from memory. As a side effect tests can write into "the checkout".
mkdir /run/memory
tar --extract --file /mnt/files.tar --directory /run/memory
for folder in /usr/lib/python3* "$checkout"; do
    [ -d "/run/memory$folder" ] || continue
    # The kernel's modules stay where they are: few are read, each once.
    if [ -d "$folder/.cache/vm" ]; then
        mkdir -p "/run/memory$folder/.cache/vm"
        mount --bind "$folder/.cache/vm" "/run/memory$folder/.cache/vm"
    fi
    mount --rbind "/run/memory$folder" "$folder"
done
cd "$checkout" || exit 1

# What build machines' kernels often lack, tried rather than asked for.
{
    ip link add lb0 type veth peer name lb1
    try() { name=$1; shift; if "$@"; then echo "$name yes"; else echo "$name no"; fi; }
    try vlan ip link add link lb0 name lb0.10 type vlan id 10
    for qdisc in htb fq_codel netem cake sfq; do try "$qdisc" tc qdisc replace dev lb0 root "$qdisc"; done
    ip link delete lb0
} >/mnt/features 2>/mnt/features.log

cut -d ' ' -f 1 /proc/uptime >/mnt/ready
export LBROUTER_INSIDE_VM=1
# SIGINT lets pytest write down what it has; the host's own bound comes a while later.
timeout --signal=INT --kill-after=20 "$within" .venv/bin/python -m pytest "$@" \
    --verbose --durations=25 --junit-xml=/mnt/results.xml >/mnt/pytest.log 2>&1 </dev/null
status=$?
cut -d ' ' -f 1 /proc/uptime >/mnt/finished
echo $status >/mnt/status
sync
