#!/usr/bin/env bash
# relay-debian-boot.sh FOLDER: its systemd as the first process, in the network namespace that this runs in.
# The machine's clock, modules and settings are out of its reach; of /proc/sys it may write net alone.
set -euo pipefail
root=$1
case ${2:-} in
"")
    exec unshare --mount --pid --fork --kill-child --uts --ipc "$0" "$root" group
    ;;
group) # a group of its own, which is the root of what systemd sees
    mount --make-rprivate /
    mount -t cgroup2 none "$root/mnt"
    mkdir -p "$root/mnt/lbrouter-relay"
    echo 0 >"$root/mnt/lbrouter-relay/cgroup.procs"
    umount "$root/mnt"
    exec unshare --cgroup "$0" "$root" boot
    ;;
esac
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount --bind proc/sys/net proc/sys/net
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 none sys/fs/cgroup
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=755 dev dev
for name in null zero full random urandom tty net/tun; do
    mkdir -p "dev/$(dirname "$name")"
    touch "dev/$name"
    mount --bind "/dev/$name" "dev/$name"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs shm dev/shm
touch dev/console
withheld=-sys_time,-sys_module,-sys_boot,-sys_rawio,-syslog
exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    setpriv --bounding-set="$withheld" chroot . /lib/systemd/systemd --system
