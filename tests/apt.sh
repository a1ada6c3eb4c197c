# Sourced by tests/needs.sh and tests/install-mtas: apt-get that waits while another process holds one of its locks, as
# unattended upgrades do on a fresh machine.
# shellcheck shell=sh

# The most that is waited for a lock, in seconds.
apt_patience=900

# apt_get ARGUMENT...: apt-get as root, or through sudo; what it says is shown only where it fails.
# Its own DPkg::Lock::Timeout covers dpkg's locks alone, not those of the package lists and of the downloaded packages
# (apt 2.6), so that all of them are waited for here.
apt_get() {
    apt_deadline=$(($(date +%s) + apt_patience))
    apt_said=
    until apt_output=$(apt_once "$@" 2>&1); do
        # apt-get's own words, and those of the dpkg that it starts.
        apt_held=$(printf '%s\n' "$apt_output" | sed -n 's/^E: Could not get //p; s/^dpkg: error: \(.* lock was locked\)/\1/p' | head -n 1)
        if [ -z "$apt_held" ] || [ "$(date +%s)" -ge "$apt_deadline" ]; then
            printf '%s\n' "$apt_output" >&2
            return 1
        fi
        # Once for each holder: most often there is one only.
        [ "$apt_held" = "$apt_said" ] ||
            echo "-- apt-get waits, at most $((apt_patience / 60)) minutes: $apt_held"
        apt_said=$apt_held
        sleep 1
    done
}

apt_once() {
    set -- env LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 "$@"
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n -- "$@"; fi
}
