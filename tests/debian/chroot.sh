# A socket file in the chroot of Postfix, with the values that milter.yaml shows for both sides.
. /root/lib.sh
name_server
install_package
shown=$(sed -n "\|^#   listen: unix:$socket\$|,+1s/^#   //p" "$config")
milter=$(sed -n 's/^.*smtpd_milters = \(unix:backstop[^ ]*[a-z]\).*/\1/p' "$config")

say "as shown: $milter"
has "$shown" '^listen: unix:'
has "$shown" '^socket: '
site "$shown"
mark
systemctl restart backstop
ls -la /var/spool/postfix/backstop
is "$(warnings)" ''
postfix_with "$milter"
judged
backstop status

say 'nobody else can open it'
no runuser -u joe -- test -e "$socket"

say 'restart, reload, a stop and a start'
systemctl restart backstop
judged
systemctl reload backstop
judged
systemctl stop backstop
has "$(friend)" '^451 '
systemctl start backstop
judged

say 'mail of the sendmail command is seen by cleanup, chrooted as well'
mark
echo hello | sendmail -f joe@example.org info@example.org
await has_logged 'rcpt=<info@example.org> verdict=accept reason=outgoing_local'
