#!/usr/bin/env bash
# Builds lbrouter_VERSION_all.deb for Debian 13 in a clean root file system and puts it into dist/.
# The root is made by mmdebstrap and kept as an archive in .cache/deb: only the first build waits for it.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/debian.sh

cache=.cache/deb
release=trixie
packages=build-essential,debhelper,dh-python,go-md2man,lintian,man-db
packages+=,python3-h11,python3-hatchling,python3-nftables,python3-pip,python3-pydantic,python3-rich,python3-shellingham,python3-venv

mkdir -p "$cache" dist
root=$(base_root "$cache" "$release" "$packages")
# What Debian 13 lacks or has too old; all of it plain Python.
wheels=$cache/wheels
for name in pyroute2 typer annotated-doc; do
    ls "$wheels/${name//-/_}"-*.whl >/dev/null 2>&1 && continue
    say "fetching $name as a wheel"
    wanted=$(sed -n "s/^ *\"\($name[<>=][^\"]*\)\".*/\1/p" pyproject.toml)
    .venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --dest "$wheels" "${wanted:-$name}" >"$cache/pip.log" 2>&1 || { cat "$cache/pip.log" >&2; exit 1; }
done

version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' lbrouter/__init__.py)
work=$(mktemp -d "$PWD/$cache/build.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
say "unpacking the clean root"
tar --extract --file "$root" --directory "$work"
source=$work/build/lbrouter
mkdir -p "$source/wheels"
# What git knows, with what was not committed yet; nothing that only lies about here.
git ls-files -z --cached --others --exclude-standard | xargs -0 tar --create --ignore-failed-read 2>/dev/null \
    | tar --extract --directory "$source"
cp "$wheels"/*.whl "$source/wheels/"
mv "$source/packaging/debian" "$source/debian"
changelog "$version" >"$source/debian/changelog"

say "building, and letting lintian judge"
inside "$work" 'cd /build/lbrouter && dpkg-buildpackage --build=binary --no-sign --no-check-builddeps && cd .. || exit 1
    lintian --allow-root --fail-on error --tag-display-limit 0 lbrouter_*.changes >lintian.log 2>&1; echo $? >lintian.code' \
    >"$cache/build.log" 2>&1 && [ -e "$work/build/lintian.code" ] || { tail -n 40 "$cache/build.log" >&2; exit 1; }
cp "$work/build/lintian.log" "$cache/lintian.log"
cat "$cache/lintian.log"
if [ "$(cat "$work/build/lintian.code")" != 0 ]; then
    say "lintian finds errors"
    exit 1
fi
rm -f dist/lbrouter_*.deb
cp "$work"/build/lbrouter_*.deb dist/
say "built $(ls dist/lbrouter_*.deb)"
