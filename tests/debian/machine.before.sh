# Run in the system before it boots, so that it boots with the package and Postfix in use. Here a command takes milliseconds,
# and in the emulated machine half a second.
. /root/lib.sh
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
install_package
rm /usr/sbin/policy-rc.d
site "${in_chroot[@]}" 'siege: {notify: [/usr/bin/logger, -t, notified]}'
# A panel's database in /home, as Mail-in-a-Box has it.
mkdir -p /home/user-data/mail /etc/systemd/system/backstop.service.d
python3 - <<'PANEL'
import sqlite3
db = sqlite3.connect('/home/user-data/mail/users.sqlite')
db.executescript("CREATE TABLE users (email TEXT); INSERT INTO users VALUES ('ann@example.org');")
PANEL
printf '[Service]\nProtectHome=read-only\n' >/etc/systemd/system/backstop.service.d/home.conf
postfix_asks unix:backstop/backstop.sock
# Postfix's own start is some hundreds of commands, which make and check its folders.
/usr/lib/postfix/configure-instance.sh -
postfix check
mkdir /etc/systemd/system/postfix@.service.d
cat >/etc/systemd/system/postfix@.service.d/quick.conf <<'UNIT'
[Service]
ExecStartPre=
ExecStart=
ExecStart=/usr/lib/postfix/sbin/master -w
UNIT
