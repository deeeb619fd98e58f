#!/bin/sh
# Makes the virtual environment $1 with the newest Python >= 3.11 that is here, or says what to do.
# PYTHON=... chooses another one.
set -eu
venv=$1

newest_without=
for python in ${PYTHON:-python3.14 python3.13 python3.12 python3.11 python3}; do
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "Making $venv with $("$python" -V) ..."
        # One that was made elsewhere, or with a Python that is gone, is of no use.
        if [ -e "$venv/.place" ]; then rm -rf "$venv"; fi
        "$python" -m venv "$venv"
        pwd > "$venv/.place"
        exit 0
    fi
    newest_without=${newest_without:-$python}
done

if [ -n "$newest_without" ]; then
    version=$("$newest_without" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "Python $version is here, but its module venv (or ensurepip) is missing." >&2
    echo "On Debian or Ubuntu: apt-get install python$version-venv (or python3-venv)" >&2
else
    echo "Python 3.11 or newer is needed, and was not found${PYTHON:+ as $PYTHON}." >&2
    echo "On Debian or Ubuntu: apt-get install python3 python3-venv; on macOS: brew install python" >&2
fi
exit 1
