#!/usr/bin/env bash
# Builds dist/lbrouter.img: a disk of Debian 13 with the package installed, for UEFI and BIOS. Written to
# a stick or a disk (dd, bs=4M) it makes a PC the gateway. The package must have been built (`make deb`).
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/debian.sh

cache=.cache/image
release=trixie
packages=linux-image-amd64,initramfs-tools,zstd,systemd-sysv,systemd-repart,systemd-timesyncd,dbus,udev,kmod
packages+=,login,openssh-server,ca-certificates,less,nano,tcpdump,ethtool,iputils-ping,grub-pc-bin,grub-common
packages+=,grub-efi-amd64-signed,shim-signed,e2fsprogs,man-db,bash-completion

deb=$(ls dist/lbrouter_*_all.deb 2>/dev/null | tail -n 1) || true
[ -n "$deb" ] || { say "dist/ holds no package: run make deb first"; exit 69; }
mkdir -p "$cache"
# What the package itself says that it needs, and nothing that it forgot.
for field in Depends Recommends; do
    packages+=,$(dpkg-deb --field "$deb" $field | sed 's/ *([^)]*)//g; s/ *|[^,]*//g; s/ *, */,/g')
done
root=$(base_root "$cache" "$release" "$packages")
work=$(mktemp -d "$PWD/$cache/build.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
tree=$work/tree
mkdir "$tree"
say "unpacking the root file system"
tar --extract --xattrs --file "$root" --directory "$tree"

say "installing $(basename "$deb")"
cp "$deb" "$tree/tmp/lbrouter.deb"
printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
chmod +x "$tree/usr/sbin/policy-rc.d"
inside "$tree" 'dpkg --install /tmp/lbrouter.deb && systemctl enable lbrouter.service' >"$work/install.log" 2>&1 \
    || { cat "$work/install.log" >&2; exit 1; }
rm "$tree/tmp/lbrouter.deb" "$tree/usr/sbin/policy-rc.d"
packaging/image/settle.sh "$tree"

say "making the disk"
packaging/image/disk.sh "$tree" "$work" "$work/disk.img"
mkdir -p dist
mv "$work/disk.img" dist/lbrouter.img
say "built dist/lbrouter.img, $(du --apparent-size --human-readable dist/lbrouter.img | cut -f 1), $(du --human-readable dist/lbrouter.img | cut -f 1) of it in use"
