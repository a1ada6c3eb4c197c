# Sourced by tests/boot and tests/vm: clean Debian systems in target/boot, and a script that runs in one.
# shellcheck shell=bash

# The most seconds that a script has.
limit=${LIMIT:-600}

unavailable() {
    printf '%s: %s\n' "$0" "$*" >&2
    exit 69
}

((EUID == 0)) || unavailable 'a system can be booted as root only'
command -v mmdebstrap >/dev/null || unavailable 'mmdebstrap is missing: apt-get install mmdebstrap'
work=${BACKSTOP_BOOT:-target/boot}
mkdir -p "$work"
work=$(realpath "$work")

# What nobody reads there is a sixth of a Debian.
lean=()
for folder in doc doc-base info lintian locale man; do
    lean+=("--dpkgopt=path-exclude=/usr/share/$folder/*")
done

# Where this machine's own apt gets Debian from.
mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Component: main' \
        "Codename: $(release)" | head -n 1
}

release() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release; }

# bootstrap NAME SUITE OPTION...: sets $made to a folder with what mmdebstrap makes of them. Whoever comes second waits for
# the first.
bootstrap() {
    local from name=$1 suite=$2
    shift 2
    set -- "$@" "${lean[@]}"
    made=$work/$name.$(printf '%s\n' "$@" | sha256sum | head -c 8)
    exec 9>"$work/$name.lock"
    flock 9
    [ -d "$made" ] || {
        from=$(mirror)
        [ -n "$from" ] || unavailable "apt does not say where Debian is to be had: no $suite"
        rm -rf "$work/$name".*/ # of former packages, or of a run that was stopped
        echo "-- a clean system: $name (a minute or two, once)" >&2
        mmdebstrap --quiet "$@" "$suite" "$made.new" "$from" >"$work/$name.log" 2>&1 || {
            tail -n 5 "$work/$name.log" >&2
            unavailable "no clean $name could be made from $from"
        }
        mv "$made.new" "$made"
    }
    exec 9>&-
}

# A system that boots, and what is tried with the package: Postfix, clients, a name server, and the readers of its log.
system() {
    local packages=systemd,systemd-sysv,dbus,procps,postfix,ca-certificates,swaks,dnsmasq-base
    [ "$1" != bookworm ] || packages+=,apparmor,logcheck,logwatch,fail2ban,python3-systemd,dovecot-sieve
    bootstrap "clean-$1" "$1" --variant=apt --include="$packages" \
        '--customize-hook=rm "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"'
}

spacious() {
    local free
    free=$(df --output=avail -B 1M /dev/shm 2>/dev/null | tail -n 1) || free=0
    if ((free > 8000)); then echo /dev/shm; else echo "$work"; fi
}

cgroups=()
leave() {
    local cgroup
    umount "$root" 2>/dev/null || true
    for cgroup in "${cgroups[@]}"; do find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true; done
    rm -rf "$over"
}

# prepare OUTPUT SUITE SCRIPT FILE...: the clean system below $root, with the script as a unit that ends the system with it.
prepare() {
    local output=$1 suite=$2 script=$3
    shift 3
    system "$suite"
    # Only what a run changes is written anew, in memory where there is enough of it: a system that ends waits for the disk.
    over=$(mktemp -d "$(spacious)/backstop-boot.XXXXXX") root=$over/root
    mkdir "$over/upper" "$over/work" "$root"
    trap leave EXIT
    mount -t overlay -o "lowerdir=$made,upperdir=$over/upper,workdir=$over/work" overlay "$root" ||
        unavailable 'an overlay can not be mounted here: this needs root, and a kernel that lets it'
    echo mx >"$root/etc/hostname"
    printf '127.0.0.1 localhost mx mx.example.org\n::1 localhost\n' >"$root/etc/hosts"
    rm -f "$root/etc/resolv.conf"
    echo 'nameserver 127.0.0.1' >"$root/etc/resolv.conf"
    ln -sf /usr/share/zoneinfo/Etc/UTC "$root/etc/localtime"
    mkdir -p "$root/var/log/journal"
    # What the script calls by itself.
    masked cron dovecot fail2ban
    cp -r "$(dirname "$script")"/. "$root/root/"
    (($# == 0)) || cp "$@" "$root/root/"
    [ ! -e "${script%.sh}.before.sh" ] ||
        chroot "$root" /bin/bash "/root/$(basename "${script%.sh}.before.sh")" >"$over/before.log" 2>&1 || {
        cat "$over/before.log"
        exit 1
    }
    cat >"$root/etc/systemd/system/script.service" <<UNIT
[Unit]
After=multi-user.target
SuccessAction=exit
FailureAction=exit
[Service]
Type=exec
ExecStart=/bin/sh -c '/bin/bash /root/$(basename "$script"); s=\$?; printf "\\nscript: \$s\\n"; exit \$s'
StandardOutput=append:$output
StandardError=inherit
UNIT
    mkdir -p "$root/etc/systemd/system/graphical.target.wants"
    ln -s ../script.service "$root/etc/systemd/system/graphical.target.wants/"
}

# masked SERVICE...: they don't start.
masked() {
    local unit
    for unit; do ln -s /dev/null "$root/etc/systemd/system/$unit.service"; done
}

# verdict LOG CONSOLE: what the script said, and whether it ended with 0.
verdict() {
    tr -d '\r' <"$1" | sed '$d'
    case $(tr -d '\r' <"$1" | tail -n 1) in
    'script: 0') return ;;
    'script: '*) ;;
    *)
        tr -d '\r' <"$1" | tail -n 1
        echo "(the script did not end within $limit s: the system answered ${status:-0})"
        tail -n 20 "$2"
        ;;
    esac
    exit 1
}
