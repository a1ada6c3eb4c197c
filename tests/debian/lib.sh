# Sourced by the scripts beside it, which tests/boot runs as root inside a Debian that has booted. A command that fails
# ends the script, and shows what the daemon said.
# shellcheck shell=bash
set -eEuo pipefail
exec 2>&1
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
export SYSTEMD_PAGER='' SYSTEMD_COLORS=0 DEBIAN_FRONTEND=noninteractive
trap 'failed "$BASH_COMMAND"' ERR

config=/etc/backstop/milter.yaml
socket=/var/spool/postfix/backstop/backstop.sock
# A socket file in the chroot of Postfix.
in_chroot=("listen: unix:$socket" 'socket: {mode: 0666}')

failed() {
    trap - ERR
    printf '\nFAILED: %s (lines, from the inside: %s)\n' "$1" "${BASH_LINENO[*]}"
    systemctl status backstop.service backstop.socket --no-pager --lines 0 || true
    journalctl -b --no-pager -o short-monotonic -u backstop.service -u backstop.socket -n 30 || true
    journalctl -b --no-pager -o short-monotonic -t postfix/smtpd -t postfix/local -t postfix/qmgr -n 12 || true
    exit 1
}

say() { printf '\n== %s [%s]\n' "$*" "$(cut -d' ' -f1 /proc/uptime)"; }

# no COMMAND...: it must not succeed.
no() {
    if "$@"; then
        echo "this should have failed: $*"
        return 1
    fi
}

# is ACTUAL EXPECTED
is() {
    [ "$1" = "$2" ] || {
        printf 'expected: %s\ngot:      %s\n' "$2" "$1"
        return 1
    }
}

# has TEXT PATTERN: an extended regular expression.
has() {
    grep -qE -- "$2" <<<"$1" || {
        printf 'expected to find: %s\nin: %s\n' "$2" "$1"
        return 1
    }
}

# await COMMAND...: it succeeds within two minutes, which an emulated machine may need.
await() {
    local end=$((SECONDS + 120))
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || {
            echo "waited in vain for: $*"
            return 1
        }
        sleep 0.1
    done
}

# answers CODE COMMAND...: the exit code.
answers() {
    local code=0
    "${@:2}" || code=$?
    is "$code" "$1"
}

# logged [OPTION...]: what the daemon, or one of its commands, logged since `mark`.
mark() {
    journalctl --sync
    since=$(date '+%F %T.%6N')
}
logged() {
    journalctl --sync
    journalctl -b --since "$since" -o cat --no-pager -u backstop.service "$@"
}
warnings() { logged -p warning _COMM=backstop; }
has_logged() { has "$(logged)" "$1"; }

main_pid() { systemctl show -P MainPID backstop; }

# A name server that knows two honest hosts.
name_server() {
    cat >/run/dnsmasq.conf <<'CONF'
no-resolv
no-hosts
port=53
listen-address=127.0.0.1
bind-interfaces
# Of all other names, and of the root that `backstop check` asks for: nothing, and not that it must not answer.
address=/#/
txt-record=example.org,"v=spf1 ip4:192.0.2.25 -all"
txt-record=friend.example,"v=spf1 ip4:198.51.100.20 -all"
txt-record=mx.friend.example,"v=spf1 ip4:198.51.100.20 -all"
txt-record=mx.bystander.example,"v=spf1 ip4:198.51.100.7 -all"
CONF
    dnsmasq -C /run/dnsmasq.conf --pid-file=/run/dnsmasq.pid
}

addresses() { printf 'joe@example.org joe\ninfo@example.org joe\n' >/etc/postfix/virtual; }

# site [LINE...]: a milter.yaml that enforces, with these lines more.
site() {
    addresses
    cat >"$config" <<'CONF'
mode: enforce
local: {domains: [example.org, example.net]}
recipients:
  - domain: example.org
    known: [{postfix_map: /etc/postfix/virtual}]
    unknown: {mail: reject, bounces: reject}
proof: {unproven: reject}
CONF
    printf '%s\n' "$@" >>"$config"
}

# The machine's Postfix receives for example.org, and asks nobody.
postfix_receives() {
    id joe >/dev/null 2>&1 || useradd -m joe
    addresses
    postconf -e 'mydestination = localhost, example.org' 'myorigin = localhost' 'myhostname = mx.example.org' \
        'mynetworks = 127.0.0.0/8' 'smtpd_authorized_xclient_hosts = 127.0.0.0/8' 'inet_interfaces = 127.0.0.1' 'inet_protocols = ipv4' \
        'smtpd_peername_lookup = no' 'virtual_alias_maps = texthash:/etc/postfix/virtual'
    newaliases
    # Debian's smtpd is chrooted: else nothing is shown.
    has "$(postconf -F smtp/inet/chroot)" 'y$'
}
postfix_starts() {
    systemctl restart postfix
    await mail_port
}

# postfix_asks MILTER: by the lines that we ship. Whether an address exists is our answer here, so Postfix takes all.
postfix_asks() {
    postfix_receives
    postconf -e 'local_recipient_maps =' 'luser_relay = joe'
    grep -v '^#' /usr/share/doc/backstop/examples/postfix/main.cf | grep = | while read -r line; do postconf -e "$line"; done
    postconf -e "smtpd_milters = $1"
}

# postfix_with MILTER: the same, running.
postfix_with() {
    postfix_asks "$1"
    postfix_starts
}
mail_port() { (exec 3<>/dev/tcp/127.0.0.1/25) 2>/dev/null; }

# stranger ADDRESS HELO FROM RCPT [more of swaks]: the answer that decided.
stranger() {
    # It fails where it is refused.
    { swaks --server 127.0.0.1 --xclient "ADDR=$1 NAME=$2" --helo "$2" --from "$3" --to "$4" "${@:5}" 2>&1 || true; } |
        grep -E '^<(-|\*\*) ' | grep -v '^<-  221 ' | tail -n 1 | sed -E 's/^<(-|\*\*) +//'
}
friend() { stranger 198.51.100.20 mx.friend.example ann@friend.example "${1-joe@example.org}"; }
forger() { stranger 203.0.113.9 mx.evil.example joe@example.org joe@example.org; }
unknown() { stranger 198.51.100.20 mx.friend.example ann@friend.example nobody@example.org; }
backscatter() {
    stranger 198.51.100.7 mx.bystander.example '<>' joe@example.org --data @/root/bounce.eml
}

# Mail is judged: some is accepted, some refused, by us.
judged() {
    has "$(friend)" '^250 2\.0\.0'
    has "$(forger)" '^550 5\.7\.'
    has "$(unknown)" '^550 5\.1\.1'
    has "$(backscatter)" '^550 5\.7\.'
    # And our own mail leaves.
    has "$(swaks --server 127.0.0.1 --from joe@example.org --to joe@example.org 2>&1)" '^<-  250 2\.0\.0'
}

# old_package DEB: the same as an older version, /root/old.deb.
old_package() {
    rm -rf /root/old
    dpkg-deb -R "$1" /root/old
    sed -i 's/^Version: .*/Version: 0.0.1-1/' /root/old/DEBIAN/control
    dpkg-deb -b -Znone /root/old /root/old.deb >/dev/null
    rm -rf /root/old
}

install_package() { dpkg -i "${1:-/root/backstop.deb}"; }
