#!/usr/bin/env bash
# settle.sh TREE: what a root file system needs to wake up as a gateway that nobody has met yet.
set -euo pipefail
tree=$1
here=$(dirname "$0")
. "$here/../../tools/debian.sh"

echo lbrouter >"$tree/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 lbrouter\n::1 localhost ip6-localhost\n' >"$tree/etc/hosts"
# The gateway's own questions (the time, alerts); mmdebstrap left the resolver of the machine that built.
printf 'nameserver 1.1.1.1\nnameserver 9.9.9.9\n' >"$tree/etc/resolv.conf"
printf 'LABEL=lbrouter / ext4 errors=remount-ro,x-systemd.growfs 0 1\n' >"$tree/etc/fstab"
cp -r "$here/files/." "$tree/"

# Each machine is itself: keys, machine id and random seed are made when it first starts.
rm -f "$tree"/etc/ssh/ssh_host_* "$tree/var/lib/systemd/random-seed" "$tree/var/lib/dbus/machine-id"
printf 'uninitialized\n' >"$tree/etc/machine-id"

# No password, and so no way in by the network: sshd takes no empty one. Who stands at the screen or
# at the serial port logs in as root and is asked to set one. The gateway's lines are lbrouter's own
# business, not networkd's.
inside "$tree" 'set -e; export SYSTEMD_OFFLINE=1
    passwd --quiet --delete root
    chage --lastday 0 root
    systemctl enable --quiet lbrouter-keys.service serial-getty@ttyS0.service getty@tty1.service systemd-timesyncd.service
    systemctl disable --quiet systemd-networkd.service systemd-networkd.socket
    systemctl mask --quiet systemd-networkd-wait-online.service sshd-keygen.service'
# It offers SSH to a hypervisor, and complains at the console where there is none.
mkdir -p "$tree/etc/systemd/system-generators"
ln -s /dev/null "$tree/etc/systemd/system-generators/systemd-ssh-generator"
rm -rf "$tree"/var/lib/apt/lists/* "$tree"/var/cache/apt/*.bin "$tree"/var/log/*.log "$tree"/tmp/*
