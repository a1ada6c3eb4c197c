# Installed, upgraded over, removed, installed again, purged.
. /root/lib.sh
name_server
old_package /root/backstop.deb

say 'installed: it runs as shipped'
install_package /root/old.deb
await systemctl is-active backstop
is "$(systemctl is-enabled backstop)" enabled
is "$(systemctl is-enabled backstop.socket || true)" disabled
has "$(systemctl show -P StatusText backstop)" '127\.0\.0\.1:8894'
is "$(ps -o user= -p "$(main_pid)")" backstop
is "$(stat -c '%a %U %G' /var/spool/postfix/backstop)" '750 backstop postfix'
is "$(stat -c '%U %G' /var/lib/backstop)" 'backstop backstop'
backstop status
backstop check --offline
systemd-analyze security --no-pager --threshold=14 backstop.service >/dev/null
for unit in postfix.service postfix@-.service; do
    has "$(systemctl list-dependencies --after --plain --no-pager "$unit")" '^ *backstop\.service$'
done

say 'mail'
site
mark
systemctl reload backstop
await has_logged '^reloaded .*, mode enforce'
postfix_with inet:127.0.0.1:8894
judged

say 'what became of a message, from the journal'
queued=$(friend)
queued=${queued##* }
# What `backstop trace` says to root of this name, once Postfix has logged the end of it.
traced() { has "$(backstop trace "$queued")" 'left the queue'; }
await traced
trace=$(backstop trace "$queued")
has "$trace" "^$queued \\(id=[0-9a-f]+\\)\$"
for words in 'came from mx\.friend\.example\[198\.51\.100\.20\]' 'backstop: from <ann@friend\.example> to <joe@example\.org>.*: accepted' \
    'delivered to <joe@localhost> by local'; do
    has "$trace" "$words"
done
trace=$(backstop trace joe@example.org)
has "$trace" "^$queued "
has "$trace" '203\.0\.113\.9 .*: refused for good \(5xx\)'
no backstop trace nobody@example.net
# Another user may not read it, and is told.
for user in backstop joe; do
    said=$(runuser -u "$user" -- backstop trace joe@example.org 2>&1) && no true
    has "$said" "^backstop trace: the journal: .*'systemd-journal'"
    has "$said" 'not all of it could be read'
done
usermod -aG systemd-journal joe
has "$(runuser -u joe -- backstop trace joe@example.org)" "^$queued "
# Kept elsewhere, and compressed.
journalctl --output=export | gzip >/root/kept.gz
mkdir -p /root/journal && cp /var/log/journal/*/system.journal /root/journal/
for kept in /root/kept.gz /root/journal/system.journal; do
    has "$(backstop trace "$queued" --log "$kept")" 'left the queue'
done

say 'what left before there was a ledger, from the journal'
printf 'Message-ID: <left@example.org>\nFrom: joe@example.org\n\nhello\n' |
    runuser -u joe -- sendmail -f joe@example.org ann@friend.example
sed 's#^proof: .*#proof: {key_file: /root/keys, ledger: {remember: true}}#' "$config" >/root/import.yaml
echo 'store: sqlite:/root/import.db' >>/root/import.yaml
backstop keygen --file /root/keys
imported() { backstop --config /root/import.yaml ledger import --user root --journal "$@"; }
imports() { has "$(imported "$@")" "^ +1  outgoing: of users of the host\$"; }
await imports --dry-run
imports
has "$(imported)" '^new in the ledger: 0;'

say 'DMARC reports of a mailbox that only its owner may read, by the unit that it brings'
end=$(($(date +%s) - 86400))
install -d -m 700 -o joe /home/joe/dmarc /home/joe/dmarc/{cur,new,tmp}
{
    cat <<MAIL
Authentication-Results: mx.example.org; dmarc=pass header.from=far.example
Received: from mail.far.example (mail.far.example [203.0.113.8]) by mx.example.org (Postfix) with ESMTPS id 4cXk1;
 $(date -R)
From: reports@far.example
To: dmarc@example.org
Subject: Report domain: example.org
Content-Type: application/gzip
Content-Transfer-Encoding: base64

MAIL
    gzip <<XML | base64
<feedback>
<report_metadata><org_name>Far</org_name><email>reports@far.example</email><report_id>1</report_id>
<date_range><begin>$((end - 86399))</begin><end>$end</end></date_range></report_metadata>
<policy_published><domain>example.org</domain><p>none</p></policy_published>
<record><row><source_ip>203.0.113.9</source_ip><count>7</count>
<policy_evaluated><disposition>none</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row>
<identifiers><header_from>example.org</header_from></identifiers>
<auth_results><spf><domain>example.org</domain><result>fail</result></spf></auth_results></record>
</feedback>
XML
} >/home/joe/dmarc/new/1
chown joe /home/joe/dmarc/new/1 && chmod 600 /home/joe/dmarc/new/1
reports=backstop-reports@$(systemd-escape --path /home/joe/dmarc)
systemctl start "$reports.service"
has "$(journalctl -b -o cat -u "$reports.service")" '^ +1  new in the store$'
has "$(backstop report senders --no-dns)" '203\.0\.113\.9'
systemctl enable --now "$reports.timer"
systemctl is-active "$reports.timer"

say 'what the unit hides from the daemon'
cp "$config" /root/kept.yaml
cp /etc/postfix/virtual /home/virtual
sed -i 's#/etc/postfix/virtual#/home/virtual#' "$config"
has "$(backstop check --offline)" '/home/virtual: backstop\.service hides it from the daemon \(ProtectHome=yes\)'
cp /root/kept.yaml "$config"
no grep -q hides <<<"$(backstop check --offline)"

say 'upgraded over: what was written stays, and mail is judged'
former=$(main_pid)
before=$(sha256sum "$config")
install_package
await systemctl is-active backstop
no [ "$(main_pid)" = "$former" ]
is "$(sha256sum "$config")" "$before"
judged

say 'whoever has disabled it keeps it so'
systemctl disable --now backstop
install_package
no systemctl is-active backstop
no systemctl is-enabled backstop
systemctl enable --now backstop
judged

say 'removed: configuration and store stay'
dpkg -r backstop
no systemctl is-active backstop
no systemctl is-active "$reports.timer"
[ ! -e /usr/sbin/backstop ]
is "$(sha256sum "$config")" "$before"
[ -s /var/lib/backstop/state.db ]

say 'installed again'
install_package
await systemctl is-active backstop
judged

say 'a Postfix that comes later'
rmdir /var/spool/postfix/backstop
dpkg-trigger --by-package=postfix /usr/lib/postfix/sbin/master
dpkg --configure --pending
is "$(stat -c '%a %U %G' /var/spool/postfix/backstop)" '750 backstop postfix'

say 'purged: nothing is left but the user'
backstop keygen
[ -s /etc/backstop/keys ]
dpkg --purge backstop
no systemctl is-active backstop
left=$(find / -xdev -name '*backstop*' -not -path '/root/*' -not -path '/proc/*' -not -path '/sys/*' -not -path '/var/log/*')
is "$left" ''
has "$(getent passwd backstop)" ':/usr/sbin/nologin$'
is "$(systemctl --failed --plain --no-legend)" ''
