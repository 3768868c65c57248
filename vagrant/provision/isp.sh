#!/bin/sh
# isp.sh NAME: a provider. isp-a gives its customer an address by contract, isp-b by DHCP.
set -eu
case $1 in
    isp-a) line=203.0.113.1/30 core=198.51.100.1/30 via=198.51.100.2 dhcp=no ;;
    isp-b) line=203.0.113.129/25 core=198.51.100.5/30 via=198.51.100.6 dhcp=yes ;;
esac
cat >/etc/systemd/network/20-line.network <<END
[Match]
Name=line

[Network]
Address=$line
DHCPServer=$dhcp
LinkLocalAddressing=no

[DHCPServer]
PoolOffset=20
PoolSize=20
EmitDNS=no
END
cat >/etc/systemd/network/20-core.network <<END
[Match]
Name=core

[Network]
Address=$core
LinkLocalAddressing=no

[Route]
Destination=192.0.2.0/24
Gateway=$via
END
echo 'net.ipv4.ip_forward = 1' >/etc/sysctl.d/50-isp.conf
sysctl -q -p /etc/sysctl.d/50-isp.conf

# Each flow of the customer leaves one element here: `nft list set inet isp flows`.
cat >/etc/nftables.conf <<'END'
flush ruleset
table inet isp {
    set flows {
        type ipv4_addr . inet_proto . inet_service . ipv4_addr . inet_service
        size 65536
        flags dynamic
    }
    chain count {
        type filter hook forward priority 0
        iifname "line" meta l4proto { tcp, udp } add @flows { ip saddr . meta l4proto . th sport . ip daddr . th dport }
    }
}
END
systemctl enable --quiet nftables.service systemd-networkd.service
systemctl restart nftables.service systemd-networkd.service
