#!/usr/bin/env bash
# Makes the web page and the package for other pages: folders that any web server can serve.
#
#   web/build.sh      target/web/site and target/web/pkg
#
# `./setup.sh --browser` installs what it needs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=target/web
bindgen=target/tools/bin/wasm-bindgen

# Builds a module, and the JavaScript that loads it.
module() { # name, folder, features
    web/cargo.sh build --profile web -p bdlm_web --features "$3"
    mkdir -p "$2"
    "$bindgen" --target web --remove-name-section --remove-producers-section --out-name "$1" --out-dir "$2" \
        target/wasm/wasm32-unknown-unknown/web/bdlm_web.wasm
}

rm -rf "$out"
module engine "$out/pkg" ''
cp web/package/* LICENSE-MIT LICENSE-APACHE "$out/pkg/"
mkdir -p "$out/pkg/tales"
for file in config.json generation_config.json model.safetensors tokenizer.json; do
    cp "assets/tales/$file" "$out/pkg/tales/"
done

module page "$out/site" page
cp web/site/* "$out/site/"
cp -r "$out/pkg" "$out/site/"

for module in "$out/site/page_bg.wasm" "$out/pkg/engine_bg.wasm"; do
    printf '%s: %s bytes, %s with gzip\n' "$module" "$(wc -c <"$module")" "$(gzip -9c "$module" | wc -c)"
done
