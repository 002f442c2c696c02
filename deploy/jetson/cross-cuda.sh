#!/bin/sh
# Cross-compiles whisper.cpp with CUDA for a Jetson's GPU, on an x86-64 machine without a GPU.
#
#   deploy/jetson/cross-cuda.sh ARCH     87 Orin, 110 Thor; result: build/jetson/sm_ARCH/lib*.so*
#
# For JetPack 7 (CUDA 13, which covers both). JetPack 6 has CUDA 12.6: there 'make native-cuda ARCH=87' builds on the board.
# Needs nvcc 13 and g++-aarch64-linux-gnu; headers and libraries for aarch64 come from the package index (570 MB).
# One architecture at a time, without flash attention (rtva does not use it): about 50 minutes of processor time.
set -eu
cd "$(dirname "$0")/../.."
ARCH=${1:-}
case $ARCH in 87 | 110) ;; *) echo "cross-cuda.sh: ARCH is 87 (Orin) or 110 (Thor), not '$ARCH'" >&2; exit 64 ;; esac
PY=$PWD/.venv/bin/python
CXX=aarch64-linux-gnu-g++
command -v $CXX >/dev/null || { echo "cross-cuda.sh: no $CXX: apt-get install g++-aarch64-linux-gnu" >&2; exit 69; }
HOME_OF_CUDA=${CUDA_HOME:-/usr/local/cuda}
[ -x "$HOME_OF_CUDA/bin/nvcc" ] || { echo "cross-cuda.sh: no nvcc in $HOME_OF_CUDA (set CUDA_HOME)" >&2; exit 69; }
RELEASE=$("$HOME_OF_CUDA/bin/nvcc" --version | sed -n 's/.*release \([0-9.]*\),.*/\1/p')
"$HOME_OF_CUDA/bin/nvcc" --list-gpu-arch | grep -qx "compute_$ARCH" || { echo "cross-cuda.sh: nvcc $RELEASE does not build for $ARCH" >&2; exit 69; }
STORE=$PWD/build/jetson
TOOLKIT=$STORE/toolkit-$RELEASE
say() { printf '==> %s\n' "$*"; }
pip() { "$PY" -m pip --quiet --disable-pip-version-check "$@"; }

if [ ! -e "$TOOLKIT/targets/aarch64-linux/lib/libcublas.so" ]; then
    say "a toolkit for aarch64: nvcc $RELEASE from $HOME_OF_CUDA, headers and libraries from the package index"
    rm -rf "$TOOLKIT" "$STORE/package" "$STORE/wheels" # those of another nvcc would be mixed in
    mkdir -p "$STORE/wheels" "$TOOLKIT"
    cp -aL "$HOME_OF_CUDA/." "$TOOLKIT/"
    rm -rf "$TOOLKIT/targets"
    for package in "nvidia-cuda-runtime==$RELEASE.*" "nvidia-cuda-crt==$RELEASE.*" "nvidia-cuda-cccl==$RELEASE.*" "nvidia-cublas==$RELEASE.*"; do
        pip download --no-deps --only-binary :all: --platform manylinux2014_aarch64 --platform manylinux_2_17_aarch64 \
            --platform manylinux_2_27_aarch64 --dest "$STORE/wheels" "$package"
    done
    for wheel in "$STORE"/wheels/*.whl; do "$PY" -m zipfile -e "$wheel" "$STORE/package"; done
    target=$TOOLKIT/targets/aarch64-linux
    mkdir -p "$target"
    mv "$STORE"/package/nvidia/cu13/include "$target/include"
    mv "$STORE"/package/nvidia/cu13/lib "$target/lib"
    # What no package has, the compiler's own headers (fatbinary_section.h), is the same for every processor.
    cp -rn "$TOOLKIT"/include/. "$target/include/"
    for library in cudart cublas cublasLt; do ln -sf "lib$library.so.13" "$target/lib/lib$library.so"; done
    # nvcc looks in the folder of the machine it runs on.
    ln -s aarch64-linux "$TOOLKIT/targets/x86_64-linux"
    rm -rf "$STORE/package"
fi

PIN=$(grep '^pywhispercpp==' constraints.txt)
SOURCE=$STORE/source-${PIN#*==}
if [ ! -d "$SOURCE" ]; then
    rm -rf "$STORE/sdist" && mkdir -p "$STORE/sdist"
    pip download --no-deps --no-binary pywhispercpp --dest "$STORE/sdist" "$PIN"
    tar -xzf "$STORE"/sdist/*.tar.gz -C "$STORE/sdist"
    mv "$STORE"/sdist/*/whisper.cpp "$SOURCE"
fi
[ -x "$STORE/tools/bin/cmake" ] || pip install --target "$STORE/tools" cmake ninja
export PATH="$STORE/tools/bin:$PATH" PYTHONPATH="$STORE/tools"

say "whisper.cpp for aarch64 and sm_$ARCH"
BUILD=$STORE/work-$ARCH-${PIN#*==}-cuda$RELEASE
started=$(date +%s)
# armv8.2-a with dot products and half precision: every Orin (Cortex-A78AE) and Thor (Neoverse V3AE) has them.
cmake -G Ninja -S "$SOURCE" -B "$BUILD" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc -DCMAKE_CXX_COMPILER=$CXX \
    -DCMAKE_CUDA_COMPILER="$TOOLKIT/bin/nvcc" -DCMAKE_CUDA_HOST_COMPILER=$CXX -DCMAKE_CUDA_ARCHITECTURES="$ARCH" \
    -DCUDAToolkit_ROOT="$TOOLKIT" \
    -DGGML_NATIVE=OFF -DGGML_CPU_ARM_ARCH=armv8.2-a+dotprod+fp16 -DGGML_CUDA=ON -DGGML_CUDA_NO_VMM=ON -DGGML_CUDA_FA=OFF -DGGML_CUDA_NCCL=OFF \
    -DWHISPER_BUILD_EXAMPLES=OFF -DWHISPER_BUILD_TESTS=OFF -DWHISPER_BUILD_SERVER=OFF \
    -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON '-DCMAKE_INSTALL_RPATH=$ORIGIN;/usr/local/cuda/lib64' >"$STORE/cmake.log" 2>&1 ||
    { tail -5 "$STORE/cmake.log" >&2; exit 69; }
cmake --build "$BUILD" >"$STORE/build.log" 2>&1 || { grep -m3 -i error "$STORE/build.log" >&2; exit 69; }
rm -rf "$STORE/sm_$ARCH" && mkdir -p "$STORE/sm_$ARCH"
find "$BUILD" -name 'lib*.so*' -exec cp -a {} "$STORE/sm_$ARCH/" \;
has=$("$PY" deploy/jetson/elf.py cubins "$STORE/sm_$ARCH/libggml-cuda.so" | grep ^sm_ | paste -sd ' ')
[ "$has" = "sm_$ARCH" ] || { echo "cross-cuda.sh: libggml-cuda.so has code for '$has', not for sm_$ARCH alone" >&2; exit 69; }
say "$STORE/sm_$ARCH: $(ls "$STORE/sm_$ARCH" | tr '\n' ' ')in $(($(date +%s) - started)) s"
