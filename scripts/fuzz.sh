#!/bin/sh
# Fuzzes every parser that meets bytes of strangers: make fuzz [SECONDS=600] [RUNS=10000000] [TARGET=name]
#
# atheris (coverage-guided) gets an environment of its own, build/fuzz-venv, that sees .venv's packages. Ten million runs
# or ten minutes a target, the count printed; ends with 1 at the first uncaught exception and keeps its input in build/fuzz.
set -eu
cd "$(dirname "$0")/.."
seconds=${SECONDS_EACH:-600} runs=${RUNS:-10000000}
targets=${TARGET:-configuration serial_line control_socket wav_reader weights_manifest templates}
venv=build/fuzz-venv
if [ ! -x $venv/bin/python ] || ! $venv/bin/python -c 'import atheris' 2>/dev/null; then
    .venv/bin/python -m venv $venv
    $venv/bin/pip install -q --disable-pip-version-check atheris==3.0.0 || {
        echo "fuzz skipped: atheris 3.0.0 has no build for this Python and machine" >&2
        exit 77
    }
fi
where='import sysconfig; print(sysconfig.get_path("purelib"))'
.venv/bin/python -c "$where" > "$($venv/bin/python -c "$where")/rtva.pth"
mkdir -p build/fuzz
failed=0
printf '%-18s %12s %10s %8s  %s\n' target runs seconds runs/s result
for target in $targets; do
    log=build/fuzz/$target.log
    begun=$(date +%s)
    result=clean
    $venv/bin/python tests/fuzz/run.py "$target" "$seconds" "$runs" > "$log" 2>&1 || { result="FAILED, see $log"; failed=1; }
    took=$(($(date +%s) - begun))
    count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
    count=${count:-$(sed -n 's/^#\([0-9]*\).*/\1/p' "$log" | tail -n 1)}
    printf '%-18s %12s %10s %8s  %s\n' "$target" "${count:-0}" "$took" $((${count:-0} / (took > 0 ? took : 1))) "$result"
done
exit $failed
