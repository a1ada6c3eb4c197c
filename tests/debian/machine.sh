# On Debian's own kernel: AppArmor, the order of the boot, limits.
. /root/lib.sh
await systemctl is-active backstop
name_server
profile=/etc/apparmor.d/usr.sbin.backstop
more=/etc/apparmor.d/local/usr.sbin.backstop
# What the profile denied, but for the expected.
expected='^$'
denied() {
    journalctl -k -b --no-pager -o cat | grep -E 'apparmor="DENIED".*profile="backstop"' | grep -vE "$expected" || true
}

say 'confined, with the limits of the unit, and there before Postfix'
is "$(cat "/proc/$(main_pid)/attr/current")" 'backstop (enforce)'
has "$(cat "/proc/$(main_pid)/limits")" '^Max open files +65536 '
served=$(systemctl show -P ActiveEnterTimestampMonotonic backstop)
postfix=$(systemctl show -P InactiveExitTimestampMonotonic postfix@-.service)
echo "backstop serves at $served us, postfix begins at $postfix us"
((served > 0 && served < postfix))

say 'mail, over a socket file in the chroot'
await mail_port
has "$(friend)" '^250 2\.0\.0'
has "$(backscatter)" '^550 5\.7\.'

say "root's commands read and write where root says"
cp "$config" /srv/mine.yaml
backstop status
backstop check --offline --config /srv/mine.yaml
backstop report attack --html /root/attack.html
[ -s /root/attack.html ]
backstop explain --client-ip 203.0.113.9 --helo x.example --mail-from '' --rcpt joe@example.org
await test -s /var/mail/joe
backstop replay --client-ip-from received /var/mail/joe
backstop keygen --file /root/keys
[ -s /root/keys ]
is "$(denied)" ''

say 'siege.notify: what the profile does not let run is named, with the line to add'
mark
# An emulated machine may take longer than the second that a store has.
await backstop siege on example.org --for 1h
await has_logged 'siege\.notify: .*Permission denied.*AppArmor.*`/usr/bin/logger ix,`'

say 'siege.notify, with the lines that the profile shows'
sed -n 's/^ *#\(\/.*,\)$/\1/p' "$profile" >"$more"
cat "$more"
is "$(wc -l <"$more")" 2
apparmor_parser -r "$profile"
await backstop siege auto example.org
notified() { has "$(journalctl -b --no-pager -o cat -t notified)" 'siege of example\.org'; }
await notified
expected='name="/usr/bin/logger"'
is "$(denied)" ''

say 'a list and the file of a panel that the profile does not know: the error names AppArmor, and what to do'
echo joe@example.org >/srv/recipients
users=/home/user-data/mail/users.sqlite
panel="{sql: {url: 'sqlite:$users', query: 'SELECT 1 FROM users WHERE email = :address'}}"
sed -i "s#{postfix_map: /etc/postfix/virtual}#{file: /srv/recipients}, $panel#" "$config"
mark
answers 1 systemctl reload backstop
errors=$(logged -p err)
printf '%s\n' "$errors"
has "$errors" '/srv/recipients can.t be read: Permission denied'
has "$errors" 'AppArmor'
has "$errors" '`/srv/recipients r,`'
has "$(denied)" 'name="/srv/recipients"'
expected+="|name=\"/srv/recipients\"|name=\"$users\""
# Who checks the file before hears of all.
said=$(backstop check --offline 2>&1) && no true
has "$said" 'as user backstop: .*/srv/recipients can.t be read: Permission denied'
has "$said" "as user backstop: .*$users can.t be read: Permission denied"
has "$said" 'AppArmor'
rules=$(sed -n 's/.*`\(.* rk*,\)`.*/\1/p' <<<"$said" | sort -u)
is "$rules" "$users{,-*} rk,"$'\n''/srv/recipients r,'
echo "$rules" >>"$more"
apparmor_parser -r "$profile"
backstop check --offline
cp "$config" /root/kept.yaml
install -d -o backstop /srv/state
cp -p "$users" /srv/domains.sqlite
list="{sql: {url: 'sqlite:/srv/domains.sqlite', query: 'SELECT email FROM users'}}"
sed -i -e 's#^listen: .*#listen: unix:/srv/mx.sock#' -e "s#domains: \[example.org#domains: [$list, example.org#" "$config"
echo 'store: sqlite:/srv/state/state.db' >>"$config"
said=$(backstop check --offline 2>&1) && no true
has "$said" 'make a socket .* `/srv/\{,\*\} rw,`'
has "$said" '/srv/state: .*no file can be made in it: .*`/srv/state/\{,\*\} rwk,`'
has "$said" '/srv/domains.sqlite: .*it can.t be read: .*`/srv/domains.sqlite\{,-\*\} rk,`'
expected+='|name="/srv/(\.[0-9]+|state/.*|domains\.sqlite)"'
cp /root/kept.yaml "$config"
systemctl reload backstop
has "$(friend ann@example.org)" '^250 2\.0\.0'
has "$(unknown)" '^550 5\.1\.1'

say 'a restart'
systemctl restart backstop
is "$(cat "/proc/$(main_pid)/attr/current")" 'backstop (enforce)'
has "$(friend)" '^250 2\.0\.0'
is "$(denied)" ''
