#!/bin/bash
# Cross-compiles the kernels and their checks for Arm and runs them under emulation. Skipped (77)
# where the cross compiler or the emulator is missing.
set -eu
cd "$(dirname "$0")/../.."
compiler=aarch64-linux-gnu-gcc emulator=qemu-aarch64
for tool in $compiler $emulator; do
    command -v $tool >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
out="${BUILD:-build}/neon"
mkdir -p "$out"
flags="-std=c11 -D_GNU_SOURCE -I. -O2 -ffp-contract=off -Wall -Wextra -Wshadow -Wvla -Wconversion
    -Wno-sign-conversion -Werror"
objects=()
for source in kernels/*.c kernels/arm/*.c tests/support/guard.c tests/support/kernel_compare*.c \
    tests/kernels/neon_main.c; do
    object="$out/$(basename "$source" .c).o"
    march=
    [ "$source" != kernels/arm/neon.c ] || march=-march=armv8.2-a+dotprod
    $compiler $flags $march -c -o "$object" "$source"
    objects+=("$object")
done
$compiler -static -o "$out/check" "${objects[@]}" -lm -pthread
$emulator "$out/check" neon
