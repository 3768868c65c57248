#!/bin/sh
# client.sh: two clients in network namespaces of their own, each in a tagged VLAN of the trunk.
set -eu
cat >/usr/local/sbin/lab-clients <<'END'
#!/bin/sh
# place NAME TAG ADDRESS GATEWAY
place() {
    ip netns add "$1"
    ip link add link trunk name "trunk.$2" type vlan id "$2"
    ip link set "trunk.$2" netns "$1"
    ip -n "$1" link set lo up
    ip -n "$1" link set "trunk.$2" up
    ip -n "$1" addr add "$3" dev "trunk.$2"
    ip -n "$1" route add default via "$4"
}
ip link set trunk up
place stream 10 10.10.10.20/24 10.10.10.1
place guests 40 10.10.40.20/24 10.10.40.1
END
chmod +x /usr/local/sbin/lab-clients
cat >/etc/systemd/system/lab-clients.service <<'END'
[Unit]
Description=clients in the VLANs of the trunk
After=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/lab-clients

[Install]
WantedBy=multi-user.target
END
systemctl daemon-reload
systemctl enable --quiet lab-clients.service
systemctl start lab-clients.service
