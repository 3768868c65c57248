#!/usr/bin/env bash
# Unpacks Debian's kernel and modules into the folder $1, with a link `kernel` to the image.
# The package is unpacked, not installed: this machine's own boot files are none of our business.
set -euo pipefail
target=$1
architecture=$(dpkg --print-architecture)

# The metapackage names the current kernel; from Debian 14 on its modules are a package beside it.
parts() {
    apt-cache depends "$1" | sed -n 's/^ *Depends: \(linux-\(image\|modules\|binary\)-[0-9].*\)/\1/p'
}

rm -rf "$target"
mkdir -p "$target/packages"
target=$(cd "$target" && pwd)
image=$(parts "linux-image-$architecture" | head -n 1)
if [ -z "$image" ]; then
    echo "apt knows no linux-image-$architecture: run apt-get update, or see that its sources are Debian's" >&2
    exit 69
fi
# shellcheck disable=SC2046  # one word a package
(cd "$target/packages" && apt-get -o APT::Sandbox::User=root download "$image" $(parts "$image"))
for package in "$target"/packages/*.deb; do dpkg-deb --extract "$package" "$target/root"; done
rm -r "$target/packages"

kernel=$(ls "$target"/root/boot/vmlinuz-*)
modules=$target/root
[ -d "$modules/lib/modules" ] || { mkdir -p "$modules/lib"; ln -s ../usr/lib/modules "$modules/lib/modules"; }
/sbin/depmod --basedir "$modules" "${kernel##*/vmlinuz-}"
ln -s "${kernel#"$target"/}" "$target/kernel"
