#!/bin/sh
# Installs what cargo cannot, on Debian and Ubuntu: a C compiler, the Vulkan loader, a software
# driver where no GPU driver is found, the libraries a window needs, and Rust.
# Run it as root, or as a user who may use sudo. Where nothing is missing it changes nothing.
#
#   ./setup.sh             install what is missing
#   ./setup.sh --check     only say what is missing; exit code 1 if something is
#   ./setup.sh --browser   also install what builds and tests the web page: Rust's library for browsers,
#                          wasm-bindgen, Node.js, Chromium
set -eu

here=$(dirname "$0")

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command as root.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        fail "no sudo here; as root, run: apt-get update && apt-get install -y $missing"
    fi
}

# ---- GPU driver

shared_library_exists() {
    case $1 in
        /*) [ -e "$1" ] ;;
        *) PATH=$PATH:/sbin ldconfig -p 2>/dev/null | grep -qF "${1##*/}" ;;
    esac
}

# A driver's manifest counts if the library it names is there, and, for NVIDIA's, its device.
manifest_is_usable() {
    case $1 in *i[36]86.json) return 1 ;; esac
    library=$(sed -n 's/.*"library_path"[^"]*"\([^"]*\)".*/\1/p' "$1" | head -n 1)
    case $library in
        '') return 1 ;;
        ./* | ../*) library=$(dirname "$1")/$library ;;
    esac
    case $library in
        *nvidia*) [ -e /dev/nvidiactl ] || [ -e /dev/dxg ] || return 1 ;;
    esac
    shared_library_exists "$library"
}

# True if a Vulkan driver is installed, or named by the environment as the loader reads it.
gpu_driver_exists() {
    chosen=${VK_DRIVER_FILES:-${VK_ICD_FILENAMES:-}}
    if [ -n "$chosen" ]; then
        places=$chosen
    else
        places=/etc/vulkan/icd.d:/usr/local/etc/vulkan/icd.d:/usr/local/share/vulkan/icd.d
        places=$places:/usr/share/vulkan/icd.d:${XDG_DATA_HOME:-${HOME:-}/.local/share}/vulkan/icd.d
    fi
    (
        IFS=:
        for place in $places; do
            for manifest in "$place" "$place"/*.json; do
                if [ -f "$manifest" ] && manifest_is_usable "$manifest"; then exit 0; fi
            done
        done
        exit 1
    )
}

# ---- Packages

package_is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Names of missing packages, on one line.
missing_packages() {
    wanted='libvulkan1 ca-certificates'
    have cc || wanted="$wanted gcc libc6-dev"
    have curl || have cargo || wanted="$wanted curl"
    gpu_driver_exists || wanted="$wanted mesa-vulkan-drivers"
    # The window's: X11, keyboard and Wayland, which are loaded when it opens.
    wanted="$wanted libx11-6 libx11-xcb1 libxcb1 libxcursor1 libxi6 libxrandr2"
    wanted="$wanted libxkbcommon0 libxkbcommon-x11-0 libwayland-client0"
    missing=
    for package in $wanted; do
        package_is_installed "$package" || missing="$missing $package"
    done
    printf '%s' "${missing# }"
}

install_packages() {
    say "installing $*"
    as_root apt-get update -q || say "the package lists could not be refreshed; trying as they are"
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends "$@"
}

# ---- Rust

# True if version $1 is at least version $2 (major.minor).
version_is_enough() {
    [ "${1%%.*}" -gt "${2%%.*}" ] && return 0
    minor=${1#*.} && least=${2#*.}
    [ "${1%%.*}" -eq "${2%%.*}" ] && [ "${minor%%.*}" -ge "${least%%.*}" ]
}

cargo_bin=${CARGO_HOME:-${HOME:-}/.cargo}/bin

# Lets the calling shell find a cargo that was not on its PATH when it started.
put_rust_on_path() {
    if [ "$(id -u)" = 0 ]; then
        folder=/usr/local/bin
    else
        folder=${HOME:-}/.local/bin
    fi
    case ":$PATH:" in
        *":$folder:"*) ;;
        *) fail "Rust is installed. Run \`. \"${cargo_bin%/bin}/env\"\`, or open a new shell, and repeat the command." ;;
    esac
    mkdir -p "$folder"
    for tool in "$cargo_bin"/*; do
        [ -e "$folder/${tool##*/}" ] || ln -sf "$tool" "$folder/${tool##*/}"
    done
    say "linked Rust's tools into $folder"
}

install_rust() {
    say 'installing Rust with rustup'
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
        sh -s -- -y -q --profile minimal --component clippy,rustfmt || :
    [ -x "$cargo_bin/cargo" ] || fail 'Rust could not be installed; see https://rustup.rs'
}

check_rust_version() {
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$here/Cargo.toml")
    version=$(cd "$here" && rustc --version) || fail "rustc does not run; try \`rustup update stable\`"
    got=${version#rustc }
    version_is_enough "$got" "$wanted" && return
    have rustup && fail "Rust is ${got%% *}, bdlm needs $wanted or later: run \`rustup update stable\`"
    fail "Rust is ${got%% *}, bdlm needs $wanted or later: install it from https://rustup.rs, and remove the older one or put it later on the PATH"
}

# ---- The web page

wasm=wasm32-unknown-unknown
sysroot=$here/target/wasm-sysroot

# Rust's library for browsers: rustup's, else one built from Debian's sources with Debian's compiler.
install_wasm() {
    # The compiler that built it must be the one that uses it.
    if [ -e "$sysroot/version" ] && [ "$(cat "$sysroot/version")" = "$(/usr/bin/rustc --version)" ]; then
        return
    fi
    rm -rf "$sysroot"
    if have rustup && (cd "$here" && rustup target add $wasm) 2>/dev/null; then
        return
    fi
    have rustup || [ ! -d "$(rustc --print target-libdir --target $wasm)" ] || return 0
    have apt-get || fail "no library for $wasm: install Rust with rustup, from https://rustup.rs"
    say "rustup has no library for $wasm here: building it with Debian's compiler"
    missing='rustc-web cargo-web rust-web-src lld-22'
    install_packages rustc-web cargo-web rust-web-src lld-22
    rm -rf "$sysroot"
    mkdir -p "$sysroot/seed/src"
    sysroot=$(cd "$sysroot" && pwd)
    printf '[package]\nname = "seed"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n[profile.release]\npanic = "abort"\n' \
        >"$sysroot/seed/Cargo.toml"
    : >"$sysroot/seed/src/lib.rs"
    (
        cd "$sysroot/seed"
        RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=target \
            CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld-22 \
            CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS=-Cembed-bitcode=yes \
            /usr/bin/cargo build -q --release --target $wasm -Zbuild-std=std,panic_abort
    )
    libraries=$sysroot/lib/rustlib
    mkdir -p "$libraries/$wasm/lib"
    for host in /usr/lib/rustlib/*-linux-gnu; do ln -sfn "$host" "$libraries/${host##*/}"; done
    for library in "$sysroot/seed/target/$wasm/release/deps"/*.rlib; do
        case ${library##*/} in libseed*) ;; *) cp "$library" "$libraries/$wasm/lib/" ;; esac
    done
    rm -rf "$sysroot/seed"
    cat >"$sysroot/env.sh" <<EOF
export RUSTC=/usr/bin/rustc BDLM_WASM_CARGO=/usr/bin/cargo
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld-22
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="--sysroot=$sysroot"
EOF
    /usr/bin/rustc --version >"$sysroot/version"
}

# The program that writes JavaScript beside a module: of the version that the module is built with.
install_bindgen() {
    version=$(sed -n 's/^wasm-bindgen = "=\(.*\)"/\1/p' "$here/web/Cargo.toml")
    tool=$here/target/tools/bin/wasm-bindgen
    [ "$("$tool" --version 2>/dev/null)" != "wasm-bindgen $version" ] || return 0
    say "installing wasm-bindgen $version"
    CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_OPT_LEVEL=1 cargo install --quiet --debug --force \
        --root "$here/target/tools" --target-dir "$here/target/tools-build" "wasm-bindgen-cli@$version"
}

install_browser() {
    missing=
    { have node && have npm; } || missing='nodejs npm'
    [ -e "${BDLM_CHROMIUM:-/usr/bin/chromium}" ] || missing="${missing:+$missing }chromium"
    if [ -n "$missing" ]; then
        have apt-get || fail "missing: $missing. Install Node.js 18 or later and Chromium, and name the browser with BDLM_CHROMIUM"
        # shellcheck disable=SC2086 # a list of names
        install_packages $missing || fail "cannot install $missing; on Ubuntu name a Chromium or Chrome with BDLM_CHROMIUM"
    fi
    install_wasm
    install_bindgen
    (cd "$here/web" && npm ci --silent --no-audit --no-fund)
}

# ---- What to do

case ${1:-} in
    '' | --check | --browser) ;;
    *) fail 'usage: ./setup.sh [--check | --browser]' ;;
esac

if ! have apt-get || ! have dpkg-query; then
    if [ "${1:-}" = --browser ]; then
        install_browser
        exit 0
    fi
    say 'installing packages is left to you on this system. bdlm needs Rust and, on Linux, a C compiler and a Vulkan driver: gcc, vulkan-loader and mesa-vulkan-drivers on Fedora; gcc, vulkan-icd-loader and vulkan-swrast on Arch.'
    exit 0
fi

missing=$(missing_packages)

if [ "${1:-}" = --check ]; then
    have cargo || missing="${missing:+$missing }rust"
    [ -z "$missing" ] || fail "missing: $missing"
    check_rust_version
    say 'nothing is missing'
    exit 0
fi

# shellcheck disable=SC2086 # a list of names
[ -z "$missing" ] || install_packages $missing

if [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ]; then
    have cargo && [ "${1:-}" != --browser ] || say 'the rest belongs to a user: run it again without sudo'
    exit 0
fi
if ! have cargo; then
    [ -x "$cargo_bin/cargo" ] || install_rust
    put_rust_on_path
fi
check_rust_version
[ "${1:-}" != --browser ] || install_browser
