# On Debian's own kernel: AppArmor, the order of the boot, limits.
. /root/lib.sh
await systemctl is-active backstop
name_server
profile=/etc/apparmor.d/usr.sbin.backstop
denied() { journalctl -k -b --no-pager -o cat | grep -E 'apparmor="DENIED".*profile="backstop"' || true; }

say 'confined, with the limits of the unit, and there before Postfix'
is "$(cat "/proc/$(main_pid)/attr/current")" 'backstop (enforce)'
has "$(cat "/proc/$(main_pid)/limits")" '^Max open files +65536 '
served=$(systemctl show -P ActiveEnterTimestampMonotonic backstop)
postfix=$(systemctl show -P InactiveExitTimestampMonotonic postfix@-.service)
echo "backstop serves at $served us, postfix begins at $postfix us"
((served > 0 && served < postfix))

say 'mail, over a socket file in the chroot'
site "listen: unix:$socket" 'socket: {mode: 0666}'
systemctl restart backstop
postfix_with unix:backstop/backstop.sock
judged

say "root's commands read and write where root says"
cp "$config" /root/mine.yaml
backstop status
backstop check --offline
backstop check --offline --config /root/mine.yaml
backstop report coverage
backstop report attack --html /root/attack.html
backstop report attack --export /root/exported
backstop explain --client-ip 203.0.113.9 --helo x.example --mail-from '' --rcpt joe@example.org
await test -s /var/mail/joe
backstop replay --client-ip-from received /var/mail/joe
backstop keygen
backstop keygen --file /root/keys
[ -s /root/keys ] && [ -s /root/attack.html ]

say 'siege.notify, with the lines that the profile shows'
more=/etc/apparmor.d/local/usr.sbin.backstop
sed -n 's/^ *# \(\/usr\/bin\/logger ix, .*,\) .*/\1/p' "$profile" | sed 's/, /,\n/g' >"$more"
cat "$more"
is "$(wc -l <"$more")" 2
apparmor_parser -r "$profile"
site "listen: unix:$socket" 'socket: {mode: 0666}' 'siege: {notify: [/usr/bin/logger, -t, notified]}'
systemctl restart backstop
backstop siege on example.org --for 1h
notified() { has "$(journalctl -b --no-pager -o cat -t notified)" 'siege of example\.org'; }
await notified

say 'nothing was denied so far'
is "$(denied)" ''

say 'a file that the profile does not know: the error names AppArmor, and what to do'
echo joe@example.org >/srv/recipients
site
sed -i 's#{postfix_map: /etc/postfix/virtual}#{file: /srv/recipients}#' "$config"
mark
no systemctl restart backstop
errors=$(logged -p err)
printf '%s\n' "$errors"
has "$errors" '/srv/recipients can.t be read: Permission denied'
has "$errors" 'AppArmor'
rule=$(sed -n 's/.*`\(.* r,\)`.*/\1/p' <<<"$errors" | head -n 1)
is "$rule" '/srv/recipients r,'
no [ -z "$(denied)" ]
echo "$rule" >>"$more"
apparmor_parser -r "$profile"
systemctl restart backstop
