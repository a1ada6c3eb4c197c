# Those who read our log, our headers and our completions, with what the daemon really writes.
. /root/lib.sh
name_server
install_package
site 'observe: {http: "127.0.0.1:8895"}'
mark
systemctl restart backstop
postfix_with inet:127.0.0.1:8894
judged
judged
has "$(stranger 198.51.100.7 mx.bystander.example '<>' nobody@example.org)" '^550 '
has "$(stranger 203.0.113.10 mx.evil.example joe@example.net joe@example.org)" '^550 '
echo hello | sendmail -f joe@example.org joe@example.org
sed -i 's/^mode: .*/mode: monitor/' "$config"
kill -HUP "$(main_pid)"
await has_logged '^reloaded .*, mode monitor'
has "$(forger)" '^250 '
echo 'mdoe: x' >>"$config"
no systemctl reload backstop
sed -i '$d' "$config"
echo 'store: redis://127.0.0.1:6379' >>"$config"
systemctl restart backstop
await has_logged '^store: .*redis'

# lines PRIORITY...: how many of them the daemon has logged.
lines() { logged "_COMM=backstop" -o json --output-fields=PRIORITY | grep -cE "\"PRIORITY\":\"[$1]\"" || true; }

say 'logcheck: what is news is not reported, and what is a warning is'
logged -o short _COMM=backstop >/root/log
((${news:=$(lines 56)} > 15))
((${trouble:=$(lines 0-4)} > 1))
# Without the first lines for readers, and the spaces at their ends, as logcheck does it.
sed 's/[[:space:]]*$//' /root/log | grep -vE -f <(sed '/^#/d' /etc/logcheck/ignore.d.server/backstop) >/root/reported || true
cat /root/reported
is "$(wc -l </root/reported)" "$trouble"
install -o logcheck -m 600 /root/log /var/log/backstop-log
chmod 755 /root
reported=$(runuser -u logcheck -- logcheck -o -t -l /var/log/backstop-log)
is "$(grep -c 'backstop\[' <<<"$reported")" "$trouble"

say logwatch
summary=$(logwatch --service backstop --range all --output stdout --detail low)
printf '%s\n' "$summary"
has "$summary" '^ *accept:$'
has "$summary" '^ *reject:$'
has "$summary" '^ *tag, would reject:$'
for reason in mail_from_forged spf_fail unknown_mail unproven; do
    has "$summary" "^ +$(logged | grep -cE "^id=.* verdict=reject reason=$reason ")  $reason\$"
done
has "$summary" '^ +[0-9]+  203\.0\.113\.9$'
has "$summary" '^ *Other lines:$'
has "$summary" 'mdoe'

say 'fail2ban: forged mail counts, bounces and monitoring do not'
printf '[sshd]\nenabled = false\n[backstop]\nenabled = true\n' >/etc/fail2ban/jail.local
fail2ban-client -t
found=$(fail2ban-regex --print-all-matched systemd-journal backstop)
printf '%s\n' "$found"
wanted=$(logged | grep -cE '^id=.* mail_from=<[^>]+> .* verdict=reject reason=(mail_from_forged|unknown_mail) ')
((wanted == 3))
has "$found" "^Lines: .* $wanted matched,"
no grep -q 'mail_from=<>' <<<"$found"

say Sieve
await grep -q '^X-Backstop: verdict=tag .*would=reject' /var/mail/joe
# Without the line of the mbox.
tac /var/mail/joe | sed '/^From .*joe@example\.org/q' | tac | sed 1d >/home/joe/tagged.eml
printf 'From: ann@friend.example\nSubject: hello\n\nhello\n' >/home/joe/plain.eml
cp /usr/share/doc/backstop/examples/sieve/backstop.sieve /home/joe/
has "$(runuser -u joe -- sieve-test /home/joe/backstop.sieve /home/joe/tagged.eml)" 'folder: Junk'
printf 'X-Backstop: verdict=tag reason=reply_to_forgery; kind=-; id=1\nFrom: ann@friend.example\nSubject: Re: pills\n\nWhat?\n' >/home/joe/answer.eml
has "$(runuser -u joe -- sieve-test /home/joe/backstop.sieve /home/joe/answer.eml)" 'folder: Forgeries'
no grep -q Junk <<<"$(runuser -u joe -- sieve-test /home/joe/backstop.sieve /home/joe/plain.eml)"

say completions
. /usr/share/bash-completion/completions/backstop
COMP_WORDS=(backstop key) COMP_CWORD=1 COMPREPLY=()
_backstop backstop key backstop
is "${COMPREPLY[*]}" keygen
has "$(head -n 1 /usr/share/zsh/vendor-completions/_backstop)" '^#compdef backstop'
grep -q 'complete -c backstop .*keygen' /usr/share/fish/vendor_completions.d/backstop.fish
