# Shared by what builds root file systems of Debian: sourced, not run.
# shellcheck shell=bash

say() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2; }

# The mirror that this machine's own apt uses: whoever has a proxy or a copy has it there.
mirror() {
    apt-get indextargets --format '$(SITE)' | grep --extended-regexp '/debian/?$' | sort --unique | head -n 1
}

# base_root CACHE RELEASE PACKAGES: an archive with a root file system that holds these packages,
# made when it is not there yet; prints its path.
base_root() {
    local cache=$1 release=$2 packages=$3 key archive
    key=$(printf '%s' "$release $packages" | sha256sum | cut -c 1-12)
    archive=$cache/root-$key.tar
    if [ ! -e "$archive" ]; then
        command -v mmdebstrap >/dev/null || { say "mmdebstrap is not installed: make setup installs it"; return 69; }
        say "making a clean root file system of Debian ($release)"
        apt-get update >"$cache/root.log" 2>&1 || true
        if ! mmdebstrap --variant=apt --include="$packages" "$release" "$cache/new.tar" "$(mirror)" \
            </dev/null >"$cache/root.log" 2>&1; then
            cat "$cache/root.log" >&2
            say "no root file system of Debian ($release): is its mirror within reach?"
            return 69
        fi
        rm -f "$cache"/root-*.tar
        mv "$cache/new.tar" "$archive"
    fi
    printf '%s\n' "$archive"
}

# inside ROOT COMMAND: run a shell command with ROOT as its root, with mounts of its own.
inside() {
    local root=$1 command=$2
    # Processes, sysfs and devices of its own: what package scripts and systemctl expect to see.
    unshare --mount --pid --fork --mount-proc="$root/proc" \
        chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        sh -c "$command" </dev/null
}

changelog() {
    local version=$1
    printf 'lbrouter (%s) unstable; urgency=medium\n\n  * See CHANGELOG.md beside this file.\n\n' "$version"
    printf ' -- lbrouter developers <lbrouter@lbrouter.example>  %s\n' \
        "$(date --rfc-email --date="@$(git log -1 --format=%ct 2>/dev/null || date +%s)")"
}

# unpack_root ARCHIVE TREE: a fresh root file system; names and certificates are found as on this machine.
unpack_root() {
    local archive=$1 tree=$2
    rm -rf --one-file-system "$tree"
    mkdir -p "$tree"
    tar --extract --xattrs --file "$archive" --directory "$tree"
    cp --dereference /etc/resolv.conf /etc/hosts "$tree/etc/"
    cp --dereference /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/"
    mkdir -p "$tree/host" # for the moment in which one root replaces the other
}

# enter TREE COMMAND [FOLDER:TARGET...]: run a shell command with TREE as its root, in namespaces of its own for mounts
# and processes, on this machine's network. The folders are seen in TREE as well.
# Not a chroot: in one, `ip netns exec` and user namespaces are refused.
enter() {
    local tree=$1 command=$2
    shift 2
    # shellcheck disable=SC2016  # the inner shell expands it
    unshare --mount --pid --fork --kill-child --propagation private sh -euc '
        tree=$1 command=$2
        shift 2
        mount --bind "$tree" "$tree"
        for pair in /sys:/sys /dev:/dev "$@"; do
            mkdir -p "$tree${pair#*:}"
            mount --rbind "${pair%%:*}" "$tree${pair#*:}"
        done
        mount -t proc proc "$tree/proc"
        mount -t tmpfs -o mode=755 run "$tree/run"
        mkdir -p "$tree/run/lock"
        cd "$tree"
        pivot_root . host
        umount --lazy /host
        cd /root
        exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
            sh -c "$command" </dev/null' enter "$tree" "$command" "$@"
}
