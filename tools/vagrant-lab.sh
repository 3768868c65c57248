#!/usr/bin/env bash
# vagrant-lab.sh COMMAND...: run it where libvirt and all that it starts live in network, mount and process
# namespaces of their own: no bridge, no packet, no process of it is the host's, and all of it ends with COMMAND.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${LBROUTER_IN_LAB:-}" ]; then
    for each in libvirtd virtlogd vagrant qemu-system-x86_64; do
        PATH=$PATH:/usr/sbin command -v "$each" >/dev/null || { echo "vagrant-lab: $each is not installed: make vagrant-test installs it" >&2; exit 69; }
    done
    [ "$(id -u)" = 0 ] || { echo 'vagrant-lab: this needs root: it makes namespaces' >&2; exit 77; }
    # Places to mount on. Where libvirt is in use on this host they are there already, and stay untouched.
    mkdir -p /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt
    # unshare(1) does not heed the polite signals, but takes all that is inside with it when it is killed.
    unshare --net --mount --pid --fork --kill-child --mount-proc \
        env LBROUTER_IN_LAB=1 PATH="$PATH:/usr/sbin:/sbin" "$0" "$@" <&0 &
    lab=$!
    trap 'kill -KILL $lab' INT TERM HUP
    status=0
    wait $lab || status=$?
    exit $status
fi

lab=$PWD/.cache/vagrant
mkdir -p "$lab/lib" "$lab/log" "$lab/home"
for each in /run /etc/libvirt /var/cache/libvirt; do mount -t tmpfs -o mode=755 lab "$each"; done
mount --bind "$lab/lib" /var/lib/libvirt
mount --bind "$lab/log" /var/log/libvirt
mkdir -p /run/netns
# The devices of this network namespace, not the host's.
mount -t sysfs sysfs /sys
ip link set lo up
# libvirt insists on a user of that name before it reads that it shall use another one.
for each in passwd group; do
    cp /etc/$each "/run/$each"
    case $each in
        passwd) grep -q ^libvirt-qemu: /etc/passwd || echo 'libvirt-qemu:x:64055:64055::/nonexistent:/usr/sbin/nologin' >>/run/passwd ;;
        group) for name in libvirt-qemu kvm; do grep -q "^$name:" /etc/group || echo "$name:x:$((64055 + ${#name} - 12)):" >>/run/group; done ;;
    esac
    mount --bind "/run/$each" /etc/$each
done

cat >/etc/libvirt/qemu.conf <<'END'
security_driver = "none"
user = "root"
group = "root"
# The control groups are the host's, and so is whatever manages devices.
cgroup_controllers = []
namespaces = []
END
printf 'auth_unix_rw = "none"\nunix_sock_group = "root"\n' >/etc/libvirt/libvirtd.conf

export VAGRANT_HOME=$lab/home VAGRANT_DOTFILE_PATH=$lab/machines VAGRANT_CWD=$PWD/vagrant
export VAGRANT_DEFAULT_PROVIDER=libvirt VAGRANT_CHECKPOINT_DISABLE=1 VAGRANT_NO_COLOR=1
export LIBVIRT_DEFAULT_URI=qemu:///system LBROUTER_BOX=${LBROUTER_BOX:-$PWD/dist/lbrouter.box}
virtlogd --daemon
libvirtd --daemon
until virsh version >/dev/null 2>&1; do
    [ $SECONDS -lt 60 ] || { tail -n 20 /var/log/libvirt/libvirtd.log >&2; echo "vagrant-lab: libvirtd does not answer" >&2; exit 70; }
    sleep 0.2
done
"$@"
