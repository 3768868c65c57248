#!/bin/sh
# base.sh NAME MAC=CARD...: what every machine gets: its name, the names of its cards, their network.
set -eu
name=$1
shift
echo "$name" >/etc/hostname
hostname "$name"
sed -i "s/^127\.0\.1\.1.*/127.0.1.1 $name/" /etc/hosts

for each in "$@"; do
    mac=${each%=*} card=${each#*=}
    printf '[Match]\nMACAddress=%s\n\n[Link]\nName=%s\n' "$mac" "$card" >"/etc/systemd/network/10-$card.link"
    for device in /sys/class/net/*; do
        # A VLAN has its parent's address; the card itself is what lies on a bus.
        if [ -e "$device/device" ] && [ "$(cat "$device/address")" = "$mac" ] && [ "${device##*/}" != "$card" ]; then
            ip link set "${device##*/}" down
            ip link set "${device##*/}" name "$card"
        fi
    done
done

# need COMMAND PACKAGE: our own box has it all, Debian's public one fetches it.
need() {
    command -v "$1" >/dev/null && return
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q --yes --no-install-recommends "$2"
}
PATH=$PATH:/usr/sbin
need nft nftables
need tcpdump tcpdump
need iperf3 iperf3
