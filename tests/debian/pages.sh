# Pages for administrators, typed as they stand in the package, where Postfix is as Debian makes it for an internet site.
. /root/lib.sh
name_server
useradd -m joe
postconf -e 'myhostname = mx.example.org' 'mydestination = $myhostname, example.org, localhost' \
    'smtpd_authorized_xclient_hosts = 127.0.0.0/8' 'smtpd_peername_lookup = no'
newaliases
systemctl restart postfix
await mail_port

# typed PAGE LINES: types what is in its blocks for a shell, which are at least so many lines.
typed() {
    local line count=0
    zcat -f "/usr/share/doc/backstop/$1" | awk '/^```sh$/ { on = 1; next } /^```/ { on = 0 } on' | sed 's/ *#.*//; /^$/d' >/root/typed
    while read -r line <&3; do
        say "$1: $line"
        count=$((count + 1))
        case $line in
        packaging/deb) ;; # It needs a compiler.
        *' -f') answers 124 timeout 2 $line </dev/null ;;
        *) eval "$line" </dev/null ;;
        esac
    done 3</root/typed
    ((count >= $2))
}

# Where `packaging/deb` puts it.
cd /root
mkdir -p target/debian
cp backstop.deb target/debian/backstop_0.1.0-1_amd64.deb
dpkg-deb --fsys-tarfile backstop.deb | tar -x -C / ./usr/share/doc/backstop
typed quick-start.md 10

say 'what it promises'
mark
has "$(friend)" '^250 2\.0\.0'
await has_logged 'rcpt=<joe@example\.org> verdict=accept'
await grep -q '^X-Backstop: ' /var/mail/joe
has "$(forger)" '^250 2\.0\.0'
await has_logged 'client=203\.0\.113\.9 .* would=reject'

typed enforce.md 6
has "$(backstop report would --since 7d)" 'reject spf_fail .* example\.org +203\.0\.113\.9'
typed upgrade.md 9
[ -d /var/lib/backstop.newer ]
has "$(friend)" '^250 2\.0\.0'

say 'all of it is taken back'
backstop setup --undo
is "$(postconf -h smtpd_milters)" ''
