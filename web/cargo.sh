#!/usr/bin/env bash
# Runs cargo for browsers: with rustup's library for them, or the one that `setup.sh --browser` has built.
#
#   web/cargo.sh build --profile web -p bdlm_web
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ -e target/wasm-sysroot/env.sh ]; then
    # shellcheck source=/dev/null
    . target/wasm-sysroot/env.sh
fi
# Where the browser's tests are required, warnings are errors.
if [ "${BDLM_TEST_BROWSER:-}" = required ]; then
    flags=${CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS:-}
    export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="$flags -D warnings"
fi
CARGO_TARGET_DIR=target/wasm exec "${BDLM_WASM_CARGO:-cargo}" "$@" --locked --target wasm32-unknown-unknown
