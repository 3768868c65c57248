#!/bin/sh
# pages.sh TARGET: manual pages from Markdown (go-md2man) and shell completions from the command
# itself, below TARGET.
set -eu
target=$1
python=${PYTHON:-python3}
mkdir -p "$target/man" "$target/completions/bash" "$target/completions/zsh" "$target/completions/fish"
for page in docs/man/*.md; do
    go-md2man -in "$page" -out "$target/man/$(basename "$page" .md)"
done
complete() { _LBROUTER_COMPLETE=source_$1 _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION=1 "$python" -m lbrouter >"$target/completions/$1/$2"; }
complete bash lbrouter
complete zsh _lbrouter
complete fish lbrouter.fish
