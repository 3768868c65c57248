#!/bin/sh
# tidy-venv.sh BUILT FINAL: what a virtual environment made in the folder BUILT needs when it will
# stand at FINAL: scripts that name FINAL, and none of the helpers that a package has no use for.
set -eu
built=$1 final=$2
rm -f "$built"/bin/activate* "$built"/bin/Activate.ps1 "$built"/bin/pip* "$built"/.gitignore
for script in "$built"/bin/*; do
    case $script in */lbrouter) ;; */python*) continue ;; *) rm -f "$script"; continue ;; esac
    sed -i "1s|^#!.*|#!$final/bin/python|" "$script"
done
sed -i -e '/^command = /d' "$built/pyvenv.cfg"
# Where the parts came from is this build's business; its licences stand in the package's copyright.
find "$built" \( -name direct_url.json -o -name RECORD -o -name 'LICENSE*' -o -name INSTALLER \) -delete
find "$built" -type d \( -name licenses -o -name __pycache__ \) -prune -exec rm -r {} +
# pyroute2's own command line tools; the library is all that we import.
find "$built" -name '*.py' -exec sed -i '1{/^#!/d}' {} +
