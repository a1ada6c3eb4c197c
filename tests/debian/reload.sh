# What `systemctl reload` answers, and what an administrator sees of it.
. /root/lib.sh
name_server
install_package
site
systemctl restart backstop
postfix_with inet:127.0.0.1:8894
judged

say 'a good file: 0, and it is in use'
sed -i 's/^mode: .*/mode: monitor/' "$config"
mark
systemctl reload backstop
await has_logged '^reloaded .*, mode monitor'
has "$(forger)" '^250 '
is "$(warnings)" ''

say 'a mistake: 1, with its reason, and what runs stays'
site
mark
systemctl reload backstop
await has_logged '^reloaded .*, mode enforce'
cp "$config" /root/good.yaml
echo 'mdoe: monitor' >>"$config"
mark
answers 1 systemctl reload backstop
systemctl is-active backstop
errors=$(logged -p err)
has "$errors" 'milter\.yaml:[0-9]+:[0-9]+: .*mdoe'
printf '%s\n' "$errors"
# The reason, and no summary of all that is on.
(($(wc -l <<<"$errors") < 12))
judged

say 'mended: 0 again'
cp /root/good.yaml "$config"
systemctl reload backstop
judged

say "Postfix's own lines for whole domains are no mistakes"
echo '@example.org joe' >>/etc/postfix/virtual
systemctl reload backstop

say 'nor is a Redis that is down'
site 'store: redis://127.0.0.1:6379'
systemctl reload backstop
judged

say 'a start with a mistake fails, and says why'
echo 'mdoe: monitor' >>"$config"
mark
no systemctl restart backstop
await systemctl is-failed backstop
has "$(logged -p err)" 'mdoe'
is "$(systemctl show -P ExecMainStatus backstop)" 78
is "$(systemctl show -P NRestarts backstop)" 0

say 'without certificates of authorities: plain DNS needs none'
site
mv /etc/ssl/certs /etc/ssl/certs.away
mkdir /etc/ssl/certs
systemctl restart backstop
judged
