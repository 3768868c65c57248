#!/bin/sh
# internet.sh: the addresses that everybody wants to reach, and an iperf3 server.
set -eu
cat >/etc/systemd/network/20-lo.network <<END
[Match]
Name=lo

[Network]
Address=192.0.2.1/32
Address=192.0.2.2/32
Address=192.0.2.3/32
Address=192.0.2.80/32
END
# wire CARD ADDRESS CUSTOMERS PROVIDER
wire() {
    cat >"/etc/systemd/network/20-$1.network" <<END
[Match]
Name=$1

[Network]
Address=$2
LinkLocalAddressing=no

[Route]
Destination=$3
Gateway=$4
END
}
wire to-a 198.51.100.2/30 203.0.113.0/30 198.51.100.1
wire to-b 198.51.100.6/30 203.0.113.128/25 198.51.100.5
systemctl enable --quiet systemd-networkd.service
systemctl restart systemd-networkd.service
