//! From one packet to what is done about it.

use std::time::Duration;

use hickory_proto::{
    op::{Edns, Message, MessageType, Metadata, OpCode, ResponseCode},
    rr::{DNSClass, Name, RecordType},
};

use super::{
    answer::{Answer, answer},
    server::Transport,
    zone::Zone,
};

/// What a UDP answer may hold when the question names no size (RFC 1035 section 4.2.1), in octets.
const PLAIN_UDP: u16 = 512;
/// The size that we name ourselves.
const OUR_UDP: u16 = 1232;
/// A DNS header, in octets.
const HEADER: usize = 12;

/// What a packet leads to.
#[derive(Debug)]
pub(super) struct Reaction {
    /// The question, where it is one that the zone was asked.
    pub(super) asked: Option<(Name, RecordType)>,
    /// How long to wait before the deed.
    pub(super) delay: Duration,
    pub(super) deed: Deed,
}

#[derive(Debug)]
pub(super) enum Deed {
    Send(Vec<u8>),
    Nothing,
    HangUp,
}

/// Judges any bytes at all.
pub(super) fn react(zone: &Zone, packet: &[u8], transport: Transport) -> Reaction {
    // Answers are never answered: two servers would keep each other busy for ever.
    let is_question = packet.len() >= HEADER && packet[2] & 0x80 == 0;
    if !is_question {
        return Deed::Nothing.at_once();
    }
    let Ok(request) = Message::from_vec(packet) else {
        let id = u16::from_be_bytes([packet[0], packet[1]]);
        let refusal = Message::error_msg(id, OpCode::Query, ResponseCode::FormErr);
        return send(&refusal).at_once();
    };
    let mut response = Message::response(request.metadata.id, request.metadata.op_code);
    response.metadata = Metadata::response_from_request(&request.metadata);
    response.metadata.message_type = MessageType::Response;
    response.metadata.recursion_available = true;
    response.add_queries(request.queries.iter().cloned());
    if request.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(OUR_UDP);
        response.set_edns(edns);
    }

    let code = match (request.metadata.op_code, request.queries.as_slice()) {
        (OpCode::Query, [question]) if question.query_class() == DNSClass::IN => {
            let asked = (question.name().clone(), question.query_type());
            let answer = answer(zone, &asked.0, asked.1);
            return Reaction {
                asked: Some(asked),
                delay: answer.delay,
                deed: deed(answer, response, transport, room(&request)),
            };
        }
        (OpCode::Query, [_]) => ResponseCode::Refused,
        (OpCode::Query, _) => ResponseCode::FormErr,
        _ => ResponseCode::NotImp,
    };
    response.metadata.response_code = code;
    send(&response).at_once()
}

fn deed(answer: Answer, mut response: Message, transport: Transport, room: usize) -> Deed {
    if answer.no_tcp && transport == Transport::Tcp {
        return Deed::HangUp;
    }
    if answer.silent {
        return Deed::Nothing;
    }
    if answer.garbage {
        return Deed::Send(garbage(response.metadata.id));
    }
    response.metadata.response_code = answer.code;
    response.add_answers(answer.answers);
    response.add_authorities(answer.authorities);
    if transport == Transport::Tcp {
        return send(&response);
    }
    match send(&response) {
        Deed::Send(bytes) if bytes.len() <= room && !answer.truncated => Deed::Send(bytes),
        _ => send(&response.truncate()),
    }
}

/// What fits into a UDP answer, in octets (RFC 6891 section 6.2.3).
fn room(request: &Message) -> usize {
    request
        .edns
        .as_ref()
        .map_or(PLAIN_UDP, |edns| edns.max_payload().max(PLAIN_UDP))
        .into()
}

/// A header that promises a question and an answer, and a name that points behind the packet's end.
fn garbage(id: u16) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    vec![
        high, low, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff,
    ]
}

fn send(message: &Message) -> Deed {
    message.to_vec().map_or(Deed::Nothing, Deed::Send)
}

impl Deed {
    fn at_once(self) -> Reaction {
        Reaction {
            asked: None,
            delay: Duration::ZERO,
            deed: self,
        }
    }
}
