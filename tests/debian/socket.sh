# The socket unit, as its comments say it.
. /root/lib.sh
name_server
install_package
site
systemctl restart backstop
unit=$(systemctl show -P FragmentPath backstop.socket)

say 'enabled while the service runs'
sed -n 's/^#   \(systemctl .*\)/\1/p' "$unit" >/root/enable.sh
is "$(wc -l </root/enable.sh)" 3
mark
bash -e /root/enable.sh
systemctl is-active backstop.service backstop.socket
is "$(warnings)" ''
postfix_with inet:127.0.0.1:8894
judged
backstop status

say 'during restarts nobody finds the door shut; who is inside is asked to come again'
for _ in 1 2 3 4 5 6; do friend; done >/root/answers &
for _ in 1 2 3; do systemctl restart backstop; done
wait $!
cat /root/answers
is "$(grep -cE '^(250 2\.0\.0|451) ' /root/answers)" 6
no grep 'Connection refused' <<<"$(journalctl -b --no-pager -t postfix/smtpd)"

say 'reload, stop, and the next mail starts it'
systemctl reload backstop
judged
systemctl stop backstop.service
no systemctl is-active backstop.service
judged
systemctl is-active backstop.service

# file_unit PATH: the lines of the unit's comment for this file, in use.
file_unit() {
    systemctl stop backstop.socket backstop.service
    mkdir -p /etc/systemd/system/backstop.socket.d
    {
        printf '[Socket]\nListenStream=\nListenStream=%s\n' "$1"
        sed -n 's/^#\(Socket[A-Z].*=.*\)/\1/p' "$unit"
    } >/etc/systemd/system/backstop.socket.d/file.conf
    cat /etc/systemd/system/backstop.socket.d/file.conf
    site "listen: unix:$1"
    systemctl daemon-reload
    systemctl start backstop.socket backstop.service
    is "$(warnings)" ''
}

say 'a socket file in the chroot of Postfix'
grep -qx "#ListenStream=$socket" "$unit"
file_unit "$socket"
postfix_with unix:backstop/backstop.sock
judged
judged
systemctl restart backstop
judged
systemctl reload backstop
judged
systemctl stop backstop.service
judged
ls -la /var/spool/postfix/backstop

say 'an upgrade leaves it open'
before=$(stat -c %i "$socket")
install_package
is "$(stat -c %i "$socket")" "$before"
systemctl is-active backstop.service backstop.socket
judged

say 'a socket file elsewhere, for a Postfix that is not chrooted'
elsewhere=$(sed -n 's/^#ListenStream=\(\/run\/.*\)/\1/p' "$unit")
file_unit "$elsewhere"
postconf -F smtp/inet/chroot=n
postconf -e "smtpd_milters = unix:$elsewhere"
systemctl restart postfix
await mail_port
judged
systemctl restart backstop
judged

say 'removed and purged'
dpkg --purge backstop
no systemctl is-active backstop.socket
[ ! -S "$elsewhere" ]
is "$(systemctl --failed --plain --no-legend)" ''
