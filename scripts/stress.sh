#!/bin/sh
# Builds the stress tests of the compiled core plainly and under each sanitizer, and runs them.
#
#   scripts/stress.sh [SECONDS_OF_AUDIO] [SEED]     default: two hours, a seed from the clock
#
# INCLUDE: where the headers are taken from (default ext); BUILDS: which of "plain thread address" to run; CFLAGS.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-7200}
seed=${2:-$(date +%s)}
include=${INCLUDE:-ext}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cc=${CC:-gcc}
flags="-std=c11 -Wall -Wextra -Werror -Wno-unused-function -pthread -g -I$include ${CFLAGS:-}"

# Old sanitizer runtimes do not know the address layouts of new kernels; without randomisation they need not.
fixed=""
if setarch "$(uname -m)" -R true 2>/dev/null; then fixed="setarch $(uname -m) -R"; fi

run() { # name, divisor of the workload, compiler flags
    name=$1 part=$((seconds / $2)) && shift 2
    # shellcheck disable=SC2086
    for program in ring judge align; do
        $cc $flags "$@" "tests/stress/${program}_stress.c" -o "$out/$program.$name" -lm
    done
    echo "== $name: $part s of audio a scene, seed $seed"
    $fixed "$out/ring.$name" "$part" "$seed"
    $fixed "$out/judge.$name" "$((part * 100))" "$seed"
    $fixed "$out/align.$name" "$((part * 100))" "$seed"
}

for build in ${BUILDS:-plain thread address}; do
    case $build in
    plain) run plain 1 -O3 ;;
    # -Wno-tsan: ThreadSanitizer does not model fences. It need not: every access to shared memory is atomic, so it
    # finds a race in any that is not, and the hashes of the positions find what a missing fence would let through.
    thread) run thread 4 -O2 -fsanitize=thread -Wno-tsan ;;
    address) run address 4 -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer ;;
    *) echo "no build '$build': plain, thread, address" >&2 && exit 64 ;;
    esac
done
