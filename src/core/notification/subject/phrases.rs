//! What subjects begin with. One more wording is one more word in a list; it stands as [`super::comparable`] has it.
//!
//! Where one ends in a colon, a dash or the end of the subject will do as well.

pub const DMARC_REPORT: &[&str] = &["report domain:"];

#[rustfmt::skip]
pub const BOUNCE: &[&str] = &[
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
    "undeliverable:", "undelivered:", "delivery status notification", "delivery delayed:", "delivery failure:", "relayed:", "message delayed",
    // Domino, GroupWise, Notes, MDaemon, hMailServer, IMail, Courier, OpenSMTPD, PMDF
    "delivery failure", "delivery report", "delivery notification", "message status - undeliverable", "message undeliverable",
    "undeliverable mail", "undeliverable message", "undelivered mail", "undelivered message", "undeliverable email",
    "permanent delivery failure", "transient delivery failure", "mail delivery failure", "mail delivery error",
    "mail delivery problem", "mail delivery delayed", "mail could not be delivered", "mail system error", "notice: mail delivery status",
    "message delivery failure", "message delivery delayed", "delivery error", "delivery has failed", "delivery failed",
    "delivery warning", "delivery delayed", "mail not delivered", "nondeliverable mail", "non-delivery", "non delivery report",
    "returned to sender", "your message could not be delivered", "your message couldn't be delivered", "bounced mail",
    "mail delivery warning", "mail delivery notification", "mail delivery report", "mail delivery exception",
    "message delivery has failed", "message delivery warning", "message delivery notification", "message not delivered",
    "email delivery failure", "email delivery failed", "email delivery error", "e-mail delivery failure", "e-mail delivery error",
    "email could not be delivered", "e-mail could not be delivered", "email undeliverable", "e-mail undeliverable",
    "mail undeliverable", "undeliverable e-mail", "undelivered email", "undelivered e-mail", "sorry, your message could not be delivered",
    "there was an error sending your mail", "bounce notification", "email bounce notification", "returned message:",
    "returned email:", "returned e-mail:", "failure delivery", "failed delivery notification", "notification of delivery failure",
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
    "配信不能", "配信できません", "配信エラー", "メールエラー通知", "メール配信エラー", "送信エラー", "エラーメール",
    "メールが送信できません", "メールを配信できません", "無法投遞", "郵件無法", "投递失败", "邮件投递失败", "배달되지 않음", "배달할 수 없음", "전송 실패",
];

/// Bounces of which these words, short as they are, are the whole subject.
#[rustfmt::skip]
pub const BOUNCE_WHOLE: &[&str] = &[
    "delivery status", "mail error", "not delivered",
];

#[rustfmt::skip]
pub const RECEIPT: &[&str] = &[
    "disposition notification", "message disposition notification", "return receipt", "read receipt",
    "lesebestätigung", "empfangsbestätigung (", "accusé de réception (", "confirmation de lecture",
    "confirmación de lectura", "conferma di lettura", "ricevuta di ritorno (", "confirmação de leitura", "leesbevestiging",
];

#[rustfmt::skip]
pub const AUTO_REPLY: &[&str] = &[
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
    "automatyczna odpowiedz", "odpowiedz automatyczna", "autoodpowiedz", "automaticka odpoved", "automatická správa",
    "automatikus valasz", "raspuns automat", "otomatik yanit", "otomatik cevap", "iş yerinde değil",
    // Estonian, Latvian, Lithuanian, Croatian, Serbian, Slovenian, Bulgarian, Catalan, Icelandic
    "automaatvastus", "automātiska atbilde", "automātiskā atbilde", "automatinis atsakymas", "automatski odgovor",
    "аутоматски одговор", "samodejni odgovor", "автоматичен отговор", "resposta automàtica", "sjálfvirkt svar",
    // Hebrew, Arabic, Thai, Vietnamese, Indonesian
    "תשובה אוטומטית", "מענה אוטומטי", "رد تلقائي", "الرد التلقائي", "ตอบกลับอัตโนมัติ", "trả lời tự động", "balasan otomatis",
    "automatyczna odpowiedź", "odpowiedź automatyczna", "autoodpowiedź", "automatická odpověď", "automatická odpoveď",
    "automatikus válasz", "răspuns automat", "otomatik yanıt", "αυτόματη απάντηση",
    // Russian, Ukrainian, Chinese, Japanese, Korean
    "автоответ", "автоматический ответ", "автоматична відповідь", "自动答复", "自动回复", "自動回覆", "自動応答", "自動返信", "자동 회신", "자동 응답", "不在通知", "不在返信", "自動返答",
];

/// These stand after a name.
#[rustfmt::skip]
pub const AUTO_REPLY_WITHIN: &[&str] = &[
    "is out of the office", "out of office autoreply", "awaits moderator approval", "ist außer haus", "ist nicht im büro",
];
