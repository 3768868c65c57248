#!/bin/sh
# gateway.sh: the package, the file of the event, the daemon.
set -eu
chmod 644 /tmp/lbrouter.deb
install_it() { DEBIAN_FRONTEND=noninteractive apt-get install -q --yes --no-install-recommends /tmp/lbrouter.deb; }
# Our own box has all that the package depends on; Debian's public one fetches it.
install_it || { apt-get update -q && install_it; }
install -m 644 -D /tmp/lbrouter.toml /etc/lbrouter/lbrouter.toml
if [ "$(systemd-detect-virt)" = qemu ]; then
    # An emulated processor that shares its host stands still for seconds. That is no daemon that hangs.
    mkdir -p /etc/systemd/system/lbrouter.service.d
    printf '[Service]\nWatchdogSec=60s\n' >/etc/systemd/system/lbrouter.service.d/emulated.conf
    systemctl daemon-reload
fi
systemctl enable --quiet lbrouter.service
systemctl restart lbrouter.service || { lbrouter check; exit 1; }
