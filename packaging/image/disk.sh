#!/usr/bin/env bash
# disk.sh TREE WORK IMAGE: a GPT disk that starts by BIOS and by UEFI, without a loop device.
#   1  BIOS boot, 1 MiB: GRUB's core   2  ESP, 32 MiB: shim and GRUB, signed by Debian   3  root, ext4
set -euo pipefail
tree=$1 work=$2 image=$3
first_core=2048 first_esp=4096 esp_mib=32
first_root=$((first_esp + esp_mib * 2048))

# Room for an update of the kernel and for logs; the rest comes when the disk is known.
used_mib=$(du --summarize --block-size=1M "$tree" | cut -f 1)
root_mib=$((used_mib + used_mib / 5 + 300))

grub=$tree/usr/lib/grub
printf 'search --no-floppy --label lbrouter --set=root\nset prefix=($root)/boot/grub\n' >"$tree/tmp/early.cfg"
chroot "$tree" grub-mkimage --format=i386-pc --prefix=/boot/grub --config=/tmp/early.cfg --output=/tmp/core.img \
    biosdisk part_gpt ext2 search search_label normal linux serial terminal echo configfile
mv "$tree/tmp/core.img" "$work/core.img"
rm "$tree/tmp/early.cfg"

truncate --size=$((esp_mib * 1024 * 1024)) "$work/esp.img"
mkfs.vfat -n LBR-ESP "$work/esp.img" >/dev/null
mmd -i "$work/esp.img" ::EFI ::EFI/BOOT ::EFI/debian
mcopy -i "$work/esp.img" "$tree/usr/lib/shim/shimx64.efi.signed" ::EFI/BOOT/BOOTX64.EFI
mcopy -i "$work/esp.img" "$grub/x86_64-efi-signed/grubx64.efi.signed" ::EFI/BOOT/grubx64.efi
printf 'search --no-floppy --label lbrouter --set=root\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n' \
    | mcopy -i "$work/esp.img" - ::EFI/debian/grub.cfg

mke2fs -q -t ext4 -L lbrouter -d "$tree" "$work/root.img" "${root_mib}M"

truncate --size=$(((first_root + root_mib * 2048 + 2048) * 512)) "$image"
sfdisk --quiet "$image" <<TABLE
label: gpt
start=$first_core, size=2048, type=21686148-6449-6E6F-744E-656564454649, name=bios
start=$first_esp, size=$((esp_mib * 2048)), type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=esp
start=$first_root, size=$((root_mib * 2048)), type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=root
TABLE

# little NUMBER: eight bytes, the least first.
little() { local i number=$1; for i in 1 2 3 4 5 6 7 8; do printf "\\x$(printf %02x $((number & 255)))"; number=$((number >> 8)); done; }
put() { dd of="$image" bs=1 seek="$1" conv=notrunc status=none; }
# boot.img learns where the core begins (0x5c) and trusts the BIOS's drive number (0x66, as grub-install
# does); the core's first sector learns where its second one is (0x1f4). Offsets: GRUB's boot.S, diskboot.S.
head --bytes=440 "$grub/i386-pc/boot.img" | put 0
little $first_core | put $((0x5c))
printf '\x90\x90' | put $((0x66))
dd if="$work/core.img" of="$image" bs=512 seek=$first_core conv=notrunc status=none
little $((first_core + 1)) | put $((first_core * 512 + 0x1f4))
dd if="$work/esp.img" of="$image" bs=1M seek=$((first_esp / 2048)) conv=notrunc,sparse status=none
dd if="$work/root.img" of="$image" bs=1M seek=$((first_root / 2048)) conv=notrunc,sparse status=none
