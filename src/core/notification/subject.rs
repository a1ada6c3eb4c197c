//! Subjects that notifications have, as MTAs, providers and autoresponders write them in their languages.

use std::fmt;

use crate::core::header::Header;

/// How much of a subject is looked at, in characters.
const LONGEST: usize = 256;
/// How many tags in brackets (`[EXTERNAL]`) may stand before it.
const MOST_TAGS: usize = 3;

/// What a subject says that the message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A bounce, a delay, a delivery notice.
    Bounce,
    /// An answer that no human wrote.
    AutoReply,
    /// A read receipt.
    Receipt,
    /// A DMARC aggregate report.
    DmarcReport,
}

impl Subject {
    /// What this subject says; `None` for all others.
    pub fn of(header: &Header) -> Option<Self> {
        let shown = comparable(&header.text());
        let text = without_tags(&shown);
        let begins = |phrases: &[&str]| phrases.iter().any(|phrase| text.starts_with(phrase));
        let holds = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
        if begins(DMARC_REPORT) {
            Some(Self::DmarcReport)
        } else if begins(BOUNCE) {
            Some(Self::Bounce)
        } else if begins(RECEIPT) {
            Some(Self::Receipt)
        } else if begins(AUTO_REPLY) || holds(AUTO_REPLY_WITHIN) {
            Some(Self::AutoReply)
        } else {
            None
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bounce => "bounce",
            Self::AutoReply => "auto-reply",
            Self::Receipt => "receipt",
            Self::DmarcReport => "dmarc-report",
        })
    }
}

/// Lower case, blanks of every sort made one space, none before a colon: the French write one there.
fn comparable(text: &str) -> String {
    let start: String = text.chars().take(LONGEST).collect();
    let words: Vec<&str> = start.split_whitespace().collect();
    words
        .join(" ")
        .to_lowercase()
        .replace(" :", ":")
        .replace('\u{2019}', "'")
}

fn without_tags(text: &str) -> &str {
    let mut text = text;
    for _ in 0..MOST_TAGS {
        match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((_, rest)) => text = rest.trim_start(),
            None => break,
        }
    }
    text
}

const DMARC_REPORT: &[&str] = &["report domain:"];

#[rustfmt::skip]
const BOUNCE: &[&str] = &[
    // Postfix
    "undelivered mail returned to sender", "delayed mail (still being retried)", "successful mail delivery report",
    "mail delivery status report", "postmaster copy:", "postmaster warning:",
    // Sendmail
    "returned mail:", "warning: could not send message",
    // Exim
    "mail delivery failed", "warning: message ", "mail failure",
    // qmail, Yahoo
    "failure notice",
    // Exchange, Gmail, SES
    "undeliverable:", "delivery status notification", "delivery delayed:", "delivery failure:", "relayed:", "message delayed",
    // Domino, GroupWise, Notes, MDaemon, hMailServer, IMail, Courier, OpenSMTPD, PMDF
    "delivery failure", "delivery report", "delivery notification", "message status - undeliverable", "message undeliverable",
    "undeliverable mail", "undeliverable message", "undelivered mail", "undelivered message", "undeliverable email",
    "permanent delivery failure", "transient delivery failure", "mail delivery failure", "mail delivery error",
    "mail delivery problem", "mail delivery delayed", "mail could not be delivered", "mail system error", "notice: mail delivery status",
    "message delivery failure", "message delivery delayed", "delivery error", "delivery has failed", "delivery failed",
    "delivery warning", "delivery delayed", "mail not delivered", "nondeliverable mail", "non-delivery", "non delivery report",
    "returned to sender", "your message could not be delivered", "your message couldn't be delivered", "bounced mail",
    // German
    "unzustellbar", "nachricht unzustellbar", "unzustellbare nachricht", "zustellung fehlgeschlagen", "e-mail unzustellbar",
    "nachricht nicht zugestellt", "zustellungsfehler", "benachrichtigung zum zustellstatus", "übermittlung fehlgeschlagen",
    // French
    "non remis:", "non distribuable:", "message non distribué", "message non remis", "échec de la remise", "échec de remise",
    "notification d'état de remise", "courrier non remis", "remise différée:",
    // Spanish
    "no se puede entregar:", "no se pudo entregar", "error de entrega", "correo no entregado", "mensaje no entregado",
    "notificación de estado de entrega", "no entregado:",
    // Italian
    "non recapitabile:", "impossibile recapitare", "mancata consegna", "avviso di mancata consegna", "notifica sullo stato del recapito",
    // Portuguese
    "não é possível entregar:", "não entregue:", "mensagem não entregue", "falha na entrega", "notificação do status de entrega",
    // Dutch
    "onbestelbaar:", "onbestelbare", "niet-bestelbaar:", "melding van niet-bezorging", "bezorging mislukt",
    // Swedish, Danish, Norwegian, Finnish
    "kan inte levereras:", "olevererbart:", "det går inte att leverera:", "kan ikke leveres:", "ikke leveret:", "ikke levert:",
    "ei voi toimittaa:", "toimittaminen epäonnistui",
    // Polish, Czech, Hungarian, Turkish
    "niedostarczone:", "nie można dostarczyć", "nedoručitelné:", "kézbesíthetetlen:", "teslim edilemedi:",
    // Russian, Chinese, Japanese, Korean
    "недоставлено:", "не удается доставить", "недоставленное сообщение", "未送达", "无法送达", "無法傳遞", "退信", "系统退信",
    "配信不能", "配信できません", "배달되지 않음", "배달할 수 없음",
];

#[rustfmt::skip]
const RECEIPT: &[&str] = &[
    "disposition notification", "message disposition notification", "return receipt", "read receipt",
    "lesebestätigung", "empfangsbestätigung (", "accusé de réception (", "confirmation de lecture",
    "confirmación de lectura", "conferma di lettura", "ricevuta di ritorno (", "confirmação de leitura", "leesbevestiging",
];

#[rustfmt::skip]
const AUTO_REPLY: &[&str] = &[
    "automatic reply", "automatic response", "automated reply", "automated response", "auto reply", "auto-reply",
    "autoreply", "auto response", "auto-response", "autoresponse", "autoresponder", "auto:", "out of office", "out-of-office",
    "out of the office", "vacation reply", "vacation message", "vacation notice", "vacation autoreply", "i am on vacation",
    "i'm on vacation", "away from my mail", "i am away from my mail", "i am currently out of the office",
    // Challenges, and what Mailman answers.
    "please confirm your message", "your email requires verification", "the results of your email commands",
    // German
    "automatische antwort", "autom. antwort", "automatisierte antwort", "abwesenheit", "automatische abwesenheit", "ich bin nicht im büro",
    "automatische eingangsbestätigung",
    // French
    "réponse automatique", "reponse automatique", "message d'absence", "absence du bureau", "absent du bureau", "absent(e) du bureau",
    // Spanish, Portuguese, Italian
    "respuesta automática", "respuesta automatica", "autorespuesta", "fuera de la oficina", "fuera de oficina",
    "resposta automática", "resposta automatica", "fora do escritório", "ausência temporária",
    "risposta automatica", "fuori sede", "fuori ufficio", "assenza dall'ufficio",
    // Dutch, Swedish, Danish, Norwegian, Finnish
    "automatisch antwoord", "automatische beantwoording", "afwezigheid", "afwezig", "autosvar", "automatiskt svar", "frånvaro",
    "automatisk svar", "automatisk svarmelding", "fraværsbesked", "automaattinen vastaus", "poissaolo",
    // Polish, Czech, Slovak, Hungarian, Romanian, Turkish, Greek
    "automatyczna odpowiedź", "odpowiedź automatyczna", "autoodpowiedź", "automatická odpověď", "automatická odpoveď",
    "automatikus válasz", "răspuns automat", "otomatik yanıt", "αυτόματη απάντηση",
    // Russian, Ukrainian, Chinese, Japanese, Korean
    "автоответ", "автоматический ответ", "автоматична відповідь", "自动答复", "自动回复", "自動回覆", "自動応答", "自動返信", "자동 회신",
];

/// These stand after a name.
#[rustfmt::skip]
const AUTO_REPLY_WITHIN: &[&str] = &[
    "is out of the office", "out of office autoreply", "awaits moderator approval", "ist außer haus", "ist nicht im büro",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_say_what_programs_write() {
        for (subject, says) in [
            ("Undelivered Mail Returned to Sender", Some(Subject::Bounce)),
            (
                "[EXTERNAL] [SPAM?] Undeliverable: hello",
                Some(Subject::Bounce),
            ),
            (
                "R\u{e9}ponse automatique\u{a0}: bonjour",
                Some(Subject::AutoReply),
            ),
            (
                "=?iso-8859-1?Q?R=E9ponse_automatique_:_bonjour?=",
                Some(Subject::AutoReply),
            ),
            (
                "Automatische\r\n Antwort: Angebot",
                Some(Subject::AutoReply),
            ),
            (
                "AUTO: Jane Doe is out of the office (returning 03/04/2024)",
                Some(Subject::AutoReply),
            ),
            ("Jane Doe is out of the office.", Some(Subject::AutoReply)),
            (
                "Report domain: example.org Submitter: example.com",
                Some(Subject::DmarcReport),
            ),
            ("Return Receipt (displayed) - hello", Some(Subject::Receipt)),
            ("Re: Undelivered Mail Returned to Sender", None),
            ("Fwd: Automatic reply: hello", None),
            ("[list", None),
            ("Why is my mail undeliverable?", None),
            ("", None),
        ] {
            assert_eq!(
                Subject::of(&Header::new(b"Subject", subject.as_bytes())),
                says,
                "{subject}"
            );
        }
    }

    #[test]
    fn phrases_are_written_as_they_are_compared() {
        for phrase in [DMARC_REPORT, BOUNCE, RECEIPT, AUTO_REPLY, AUTO_REPLY_WITHIN].concat() {
            assert_eq!(comparable(phrase), phrase.trim_end(), "{phrase}");
        }
    }
}
