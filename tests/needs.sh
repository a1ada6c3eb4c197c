# Sourced by tests/run and packaging/try: what they need of a Debian machine is installed, or named.
# shellcheck shell=bash

# shellcheck source=tests/apt.sh
. "$(dirname "${BASH_SOURCE[0]}")/apt.sh"

lacking=()

as_root() {
    if ((EUID == 0)); then "$@"; else sudo -n -- "$@"; fi
}

can_be_root() { as_root true 2>/dev/null; }

# Ends with EX_UNAVAILABLE of sysexits.
unavailable() {
    printf '%s: %s\n' "$0" "$*" >&2
    exit 69
}

# needs_command COMMAND PACKAGE...: the packages are lacking where the command is.
needs_command() {
    command -v "$1" >/dev/null || lacking+=("${@:2}")
}

# needs_package PACKAGE...: for what brings no command that tells.
needs_package() {
    local package
    for package; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || lacking+=("$package")
    done
}

# needs_space FOLDER MEGABYTES: the folder may come to hold that much.
needs_space() {
    local held left
    mkdir -p "$1"
    held=$(du -sm "$1" | cut -f 1)
    left=$(df -m --output=avail "$1" | tail -n 1)
    ((held + left >= $2)) || unavailable \
        "$1 comes to hold $2 MB, and has $held MB; its disk has ${left##* } MB left, and needs $(($2 - held - left)) MB more"
}

# Installs what is lacking, as root or through sudo without a password; without either it is named, and that's all.
install_lacking() {
    ((${#lacking[@]})) || return 0
    local names="${lacking[*]}"
    command -v apt-get >/dev/null || unavailable "these Debian packages, or their like, are missing: $names"
    can_be_root ||
        unavailable "packages are missing, and this is not root; install them with: apt-get install $names"
    echo "-- installing: $names"
    local install=(-y --no-install-recommends --no-remove install)
    # An old package list names files that the mirrors no longer have.
    apt_get "${install[@]}" "${lacking[@]}" 2>/dev/null || {
        apt_get update && apt_get "${install[@]}" "${lacking[@]}"
    } || unavailable "apt-get could not install: $names"
    lacking=()
}

# Rust, which Debian 12 has too old, and a C linker for it.
needs_rust() {
    PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    local tool
    for tool in cargo "$@"; do
        command -v "$tool" >/dev/null || unavailable "$tool is missing; Rust 1.95 or later comes from https://rustup.rs"
    done
    needs_command cc gcc libc6-dev
    # jemalloc is built by its own configure and make.
    needs_command make make
}
