#!/usr/bin/env bash
# Builds dist/lbrouter.box: Debian 13 for vagrant-libvirt, with all that the package depends on, so that the
# machines need no network to be provisioned. Nothing is downloaded but Debian's packages.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/debian.sh

cache=.cache/box
release=trixie
packages=linux-image-cloud-amd64,initramfs-tools,zstd,systemd-sysv,udev,kmod,e2fsprogs,procps,dbus
packages+=,grub-pc-bin,grub-common,grub-efi-amd64-signed,shim-signed
packages+=,openssh-server,sudo,less,tcpdump,ethtool,iputils-ping,conntrack,iperf3
# What the package depends on and recommends, but for pppd, whose line no machine here has.
packages+=,dnsmasq-base,iproute2,nftables,python3,python3-h11,python3-nftables,python3-pydantic,python3-rich,python3-shellingham,tzdata

key=$(dpkg-query --listfiles vagrant 2>/dev/null | grep '/keys/vagrant\.pub$') \
    || { say "vagrant is not installed: make box installs it"; exit 69; }
mkdir -p "$cache" dist
root=$(base_root "$cache" "$release" "$packages")
work=$(mktemp -d "$PWD/$cache/build.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
tree=$work/tree
mkdir "$tree"
say "unpacking the root file system"
tar --extract --xattrs --file "$root" --directory "$tree"
packaging/box/settle.sh "$tree" "$key"

say "making the disk"
packaging/image/disk.sh "$tree" "$work" "$work/disk.img"
qemu-img convert -f raw -O qcow2 "$work/disk.img" "$work/box.img"
gibibytes=$((($(stat --format %s "$work/disk.img") + (1 << 30) - 1) >> 30))
printf '{"provider": "libvirt", "format": "qcow2", "virtual_size": %d}\n' "$gibibytes" >"$work/metadata.json"
cp packaging/box/Vagrantfile "$work/Vagrantfile"
tar --create --file "$work/lbrouter.box" --directory "$work" metadata.json Vagrantfile box.img
mv "$work/lbrouter.box" dist/lbrouter.box
say "built dist/lbrouter.box, $(du --human-readable dist/lbrouter.box | cut -f 1)"
