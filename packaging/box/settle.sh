#!/usr/bin/env bash
# settle.sh TREE PUBLIC_KEY: what a root file system needs to be a Vagrant box. It is for laboratories: the
# key that opens it is known to everybody, and all copies of it have the same host key.
set -euo pipefail
tree=$1 key=$2
here=$(dirname "$0")
. "$here/../../tools/debian.sh"

echo box >"$tree/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 box\n' >"$tree/etc/hosts"
# mmdebstrap leaves the resolver of the machine on which it runs.
: >"$tree/etc/resolv.conf"
printf 'LABEL=lbrouter / ext4 errors=remount-ro 0 1\n' >"$tree/etc/fstab"
cp -r "$here/files/." "$tree/"
chmod 440 "$tree/etc/sudoers.d/vagrant"

chroot "$tree" useradd --create-home --shell /bin/bash vagrant
# "*", not "!": no password, but not locked either, or sshd would refuse the key.
chroot "$tree" usermod --password '*' vagrant
install -d -m 700 "$tree/home/vagrant/.ssh"
install -m 600 "$key" "$tree/home/vagrant/.ssh/authorized_keys"
chroot "$tree" chown -R vagrant:vagrant /home/vagrant/.ssh

: >"$tree/etc/machine-id"
export SYSTEMD_OFFLINE=1
chroot "$tree" systemctl enable --quiet ssh.service systemd-networkd.service serial-getty@ttyS0.service
# Nothing that wakes up by itself: five such machines may share two processors.
chroot "$tree" systemctl mask --quiet systemd-networkd-wait-online.service getty@tty1.service \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
    systemd-tmpfiles-clean.timer
# A small first file system: it is read by an emulated processor at each start.
printf 'MODULES=list\n' >"$tree/etc/initramfs-tools/conf.d/box.conf"
printf 'virtio_pci\nvirtio_blk\next4\n' >"$tree/etc/initramfs-tools/modules"
inside "$tree" 'update-initramfs -u -k all' >/dev/null
rm -rf "$tree"/var/lib/apt/lists/* "$tree"/var/cache/apt/*.bin "$tree"/var/log/*.log "$tree"/tmp/*
