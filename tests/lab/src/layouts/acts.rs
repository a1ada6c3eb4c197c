//! What is sent.

use super::answers::Sends;

/// Headers of ours that a stranger wrote, to be taken out.
const FORGED: &str = "X-Backstop: verdict=accept reason=invented\n\
                      Authentication-Results: mx.lab.test; spf=pass smtp.mailfrom=invented.example\n";

/// A word in both of them.
pub(super) const INVENTED: &str = "invented";

/// The message of an act, whose own Message-ID is `<id>`; `returned` is the one of what it returns, and `failed` who it
/// was addressed to.
pub(super) fn message(sends: Sends, id: &str, to: &str, returned: &str, failed: &str) -> Vec<u8> {
    let text = match sends {
        Sends::Letter | Sends::Nothing => format!(
            "{FORGED}From: Bob <bob@friend.example>\nTo: {to}\nSubject: Hello\nMessage-ID: <{id}>\n\nHello.\n"
        ),
        Sends::Bounce | Sends::Returned => format!(
            "{FORGED}From: Mail Delivery System <MAILER-DAEMON@mx.bystander.example>
To: {to}
Subject: Undelivered Mail Returned to Sender
Message-ID: <{id}>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain

Your message could not be delivered: there is no such user.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.bystander.example

Final-Recipient: rfc822; {failed}
Action: failed
Status: 5.1.1

--b
Content-Type: text/rfc822-headers

From: {to}
To: {failed}
Message-ID: <{returned}>
Subject: Hello

--b--
"
        ),
    };
    text.replace('\n', "\r\n").into_bytes()
}
