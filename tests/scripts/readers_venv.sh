#!/bin/sh
# Makes, once, the Python environment in which the tests read archives with DuckDB and pyarrow, and prints its interpreter.
#     readers_venv.sh [DIR [REQUIREMENTS]]      default: archive-readers in the target directory, readers_requirements.txt
# Fails with the reason if Python or its packages cannot be had.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:-${CARGO_TARGET_DIR:-$here/../../target}/archive-readers}
wanted=${2:-$here/readers_requirements.txt}
mkdir -p "$dir"
# Two tests may want it at the same time.
exec 9>"$dir/lock"
if command -v flock >/dev/null; then flock 9; fi
if ! cmp -s "$wanted" "$dir/done"; then
    rm -rf "$dir/env" "$dir/done"
    python3 -m venv "$dir/env" >"$dir/log" 2>&1 || { tail -n 3 "$dir/log" >&2; exit 1; }
    "$dir/env/bin/python" -m pip install -q --disable-pip-version-check -r "$wanted" >>"$dir/log" 2>&1 ||
        { tail -n 3 "$dir/log" >&2; exit 1; }
    cp "$wanted" "$dir/done"
fi
echo "$dir/env/bin/python"
