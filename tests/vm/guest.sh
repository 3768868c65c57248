#!/bin/bash
# Runs inside the VM, as root, started by tests/vm/machine.py:
#   guest.sh CHECKOUT "FEATURES THAT THE HOST LACKS" SECONDS PYTEST-ARGUMENTS...
#   guest.sh CHECKOUT bench SECONDS NAMES...      (python -m bench NAMES)
# All that it leaves is in /mnt, the one folder of the host that it may write to.
set -u
checkout=$1 lacks=$2 seconds=$3
shift 3
moment() { cut -d ' ' -f 1 /proc/uptime >"/mnt/$1"; }
moment booted

# virtme-ng's file systems ask the host at each look at a file and keep nothing: every start of a
# program reads it again. These two are mounted anew with the guest's own cache, and a layer of
# memory over them takes what is written. Nothing else writes to them while the tests run.
cached() {
    local channel=$1 target=$2 layer=/run/cached$2
    mkdir -p "$layer"/{host,written,work}
    umount "/$channel"
    mount -t 9p -o ro,trans=virtio,version=9p2000.L,access=any,msize=524288,cache=loose \
        "$(awk -v path="/$channel" '$2 == path {print $1}' /run/mounts)" "$layer/host"
    mount -t overlay -o "lowerdir=$layer/host,upperdir=$layer/written,workdir=$layer/work" \
        overlay "$target"
}
# machine.py hands the checkout in at /boot and /usr at /media: folders that every Debian has, and
# that no test needs.
cp /proc/mounts /run/mounts
modules=$(readlink -f "/lib/modules/$(uname -r)")
cached boot "$checkout"
cached media /usr
mkdir -p /lib/modules
mount -t tmpfs modules /lib/modules
ln -s "$modules" "/lib/modules/$(uname -r)"
cd "$checkout" || exit 1

# What build machines' kernels often lack, tried rather than asked for.
{
    ip link add lb0 type veth peer name lb1
    try() { name=$1; shift; if "$@"; then echo "$name yes"; else echo "$name no"; fi; }
    try vlan ip link add link lb0 name lb0.10 type vlan id 10
    for qdisc in htb fq_codel netem cake sfq; do try "$qdisc" tc qdisc replace dev lb0 root "$qdisc"; done
    ip link delete lb0
} >/mnt/features 2>/mnt/features.log
moment ready

if [ "$lacks" = bench ]; then
    LBROUTER_INSIDE_VM=1 COLUMNS=120 timeout --kill-after=20 "$seconds" .venv/bin/python -m bench "$@" \
        >/mnt/table 2>/mnt/pytest.log </dev/null
    echo $? >/mnt/status
    exit
fi

# Two processors, so two workers. SIGINT lets pytest end in order; the host has a bound of its own.
export LBROUTER_INSIDE_VM=1 LBROUTER_HOST_LACKS=$lacks
export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1  # each plugin costs a second of start here
timeout --signal=INT --kill-after=20 "$seconds" .venv/bin/python -m pytest \
    -p xdist -p pytest_timeout -p tests.vm.guest_plugin \
    --numprocesses=2 --dist=worksteal --timeout=240 --durations=30 --verbose "$@" \
    >/mnt/pytest.log 2>&1 </dev/null
echo $? >/mnt/status
moment finished
sync
