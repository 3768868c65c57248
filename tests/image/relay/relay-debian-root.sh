#!/usr/bin/env bash
# relay-debian-root.sh FOLDER: a Debian 12 as a provider rents it out, unpacked, its packages in it already
# (the emulated internet has no mirror). wireguard-go is for test machines whose kernel has no WireGuard.
set -euo pipefail
folder=$(realpath "$1")
cd "$(dirname "$0")/../../.."
. tools/debian.sh

packages=systemd,systemd-sysv,dbus,cloud-init,wireguard-tools,wireguard-go,nftables,unattended-upgrades
packages+=,iproute2,procps,openssh-server
mkdir -p .cache/relay
root=$(base_root .cache/relay bookworm "$packages")
tar --extract --file "$root" --directory "$folder"

# What only a machine with hardware of its own has; the network is set up by the lab.
units="systemd-udevd systemd-udev-trigger getty@tty1 console-getty systemd-timesyncd systemd-random-seed networking"
for unit in $units; do
    ln -sf /dev/null "$folder/etc/systemd/system/$unit.service"
done
for unit in apt-daily.timer apt-daily-upgrade.timer dev-hugepages.mount sys-kernel-debug.mount; do
    ln -sf /dev/null "$folder/etc/systemd/system/$unit"
done
: >"$folder/etc/machine-id"
printf 'datasource_list: [NoCloud]\nnetwork: {config: disabled}\n' >"$folder/etc/cloud/cloud.cfg.d/99_lab.cfg"
