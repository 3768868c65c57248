#!/usr/bin/env bash
# build-empty.sh PACKAGE IMAGE: a disk with a Debian 13 that holds nothing of lbrouter and nothing that it
# depends on. What apt would download lies in apt's own cache, for the emulated PC has no network to fetch it by.
set -euo pipefail
package=$(realpath "$1") image=$(realpath "$2")
cd "$(dirname "$0")/../.."
. tools/debian.sh

cache=.cache/empty
packages=linux-image-amd64,initramfs-tools,zstd,systemd-sysv,udev,kmod,dbus,login,passwd,e2fsprogs
packages+=,grub-pc-bin,grub-common,grub-efi-amd64-signed,shim-signed
mkdir -p "$cache"
root=$(base_root "$cache" trixie "$packages")
work=$(mktemp -d "$PWD/$cache/build.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
tree=$work/tree
mkdir "$tree"
tar --extract --xattrs --file "$root" --directory "$tree"

cp "$package" "$tree/root/lbrouter.deb"
inside "$tree" 'set -e; export SYSTEMD_OFFLINE=1
    apt-get update
    apt-get install --yes --download-only /root/lbrouter.deb
    passwd --quiet --delete root
    systemctl enable --quiet serial-getty@ttyS0.service' >"$cache/build.log" 2>&1 || { cat "$cache/build.log" >&2; exit 1; }
# How it starts is not lbrouter's business: as the image does, with its patience for emulated devices.
cp --recursive packaging/image/files/boot/. "$tree/boot/"
mkdir --parents "$tree/etc/systemd/system.conf.d"
cp packaging/image/files/etc/systemd/system.conf.d/* "$tree/etc/systemd/system.conf.d/"
printf 'LABEL=lbrouter / ext4 errors=remount-ro 0 1\n' >"$tree/etc/fstab"
echo empty >"$tree/etc/hostname"
: >"$tree/etc/machine-id" # filled at the first start, without any questions
packaging/image/disk.sh "$tree" "$work" "$image"
