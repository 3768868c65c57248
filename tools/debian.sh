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
