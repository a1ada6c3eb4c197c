# `backstop setup` over the file that the package brings: installed, set up, mail, taken back.
. /root/lib.sh
name_server
install_package
postfix_receives
postfix_starts
sha256sum "$config" /etc/postfix/*.cf >/root/before

# applied: it is written, and what it says to do next works, word for word.
applied() {
    backstop setup --apply | tee /root/applied
    has "$(cat /root/applied)" "^$config is written"
    sed -n '/^Now:/,/^[^ ]/s/^  \([a-z].*\)/\1/p' /root/applied >/root/next.sh
    is "$(wc -l </root/next.sh)" 3
    bash -e /root/next.sh
}

say 'the untouched file is replaced'
has "$(backstop setup)" 'nobody has changed it'
sha256sum --quiet -c /root/before
applied
has "$(systemctl show -P StatusText backstop)" 'mode monitor'

say 'mail is judged, and nothing is refused'
mark
has "$(friend)" '^250 2\.0\.0'
has "$(forger)" '^250 2\.0\.0'
await has_logged 'client=198\.51\.100\.20 .* verdict=accept reason=nothing_found by=recipients\.known:/etc/postfix/virtual '
await has_logged 'client=203\.0\.113\.9 .* verdict=tag reason=spf_fail .* would=reject'
await grep -q '^X-Backstop: ' /var/mail/joe

say 'an upgrade leaves it'
sum=$(sha256sum "$config")
install_package
is "$(sha256sum "$config")" "$sum"

say 'taken back: byte for byte, and the MTA asks nobody'
backstop setup --undo
sha256sum --quiet -c /root/before
postfix reload
systemctl disable --now backstop
has "$(friend)" '^250 2\.0\.0'
systemctl enable --now backstop

say 'and again'
applied
has "$(forger)" '^250 2\.0\.0'

say 'a file with a line of yours stays'
echo '# mine' >>"$config"
has "$(backstop setup)" 'it is yours'
