//! Messages of multicast DNS about one room: what is asked, and what is answered. Pure functions:
//! what a message holds is looked at and forgotten.

use std::net::IpAddr;

use chatshelf_common::discovery::SERVICE;
use simple_dns::rdata::{PTR, RData, SRV, TXT};
use simple_dns::{
    CLASS, Label, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, ResourceRecord, TYPE,
};

/// Bytes of a label at most (RFC 1035, section 2.3.4).
const LABEL_BYTES_MAX: usize = 63;
/// How long records hold that name a host (RFC 6762, section 10), and the others.
const HOST_TTL_S: u32 = 120;
const OTHER_TTL_S: u32 = 75 * 60;
/// How long any of them holds for who does not speak multicast DNS (section 6.7).
const LEGACY_TTL_S: u32 = 10;
/// Under this name, the types of services that there are can be listed (RFC 6763, section 9).
const TYPES: &str = "_services._dns-sd._udp.local.";

/// What is announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    /// What the machine is called, and the port if it is not the usual one.
    pub(super) machine: String,
    pub(super) suffix: String,
    /// A name for the machine's addresses that no other server uses.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) attributes: Vec<(&'static str, String)>,
    /// How many others have the same name: from the second on, it is followed by a number.
    pub(super) twins: u32,
}

/// What a message wants, or says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing that concerns the room.
    Nothing,
    /// It asks for the room. With the question's number, if it has to be answered to its sender
    /// alone.
    Question {
        /// The number of a question by who does not speak multicast DNS.
        legacy: Option<u16>,
    },
    /// Somebody else has the room's name.
    Conflict,
}

impl Service {
    /// The instance's name, as people see it: a label, cut where it would be too long.
    pub(super) fn instance(&self) -> String {
        let end = match self.twins {
            0 => self.suffix.clone(),
            twins => format!("{} ({})", self.suffix, twins + 1),
        };
        let most = LABEL_BYTES_MAX.saturating_sub(end.len());
        let machine = &self.machine[..self.machine.floor_char_boundary(most)];
        format!("{machine}{end}")
    }

    fn instance_name(&self) -> Name<'static> {
        let mut labels = vec![Label::new_unchecked(self.instance().into_bytes())];
        labels.extend(Name::new_unchecked(SERVICE).get_labels().iter().cloned());
        Name::new_with_labels(&labels)
    }

    fn host_name(&self) -> Name<'static> {
        let labels = [self.host.as_bytes(), b"local"];
        Name::new_with_labels(&labels.map(|label| Label::new_unchecked(label.to_vec())))
    }

    /// The record that only one server can have.
    fn place(&self) -> ResourceRecord<'static> {
        let place = SRV { priority: 0, weight: 0, port: self.port, target: self.host_name() };
        ResourceRecord::new(self.instance_name(), CLASS::IN, HOST_TTL_S, RData::SRV(place))
    }

    /// All records, with the addresses that lead here from where they are sent.
    fn records(&self, ips: &[IpAddr]) -> Vec<ResourceRecord<'static>> {
        let own = |name, ttl, rdata| {
            ResourceRecord::new(name, CLASS::IN, ttl, rdata).with_cache_flush(true)
        };
        let shared = |name: &'static str, to| {
            let rdata = RData::PTR(PTR(to));
            ResourceRecord::new(Name::new_unchecked(name), CLASS::IN, OTHER_TTL_S, rdata)
        };
        let mut text = TXT::new();
        for (key, value) in &self.attributes {
            // They are short.
            let _ = text.add_attribute(key, Some(value.as_bytes()));
        }
        let mut records = vec![
            shared(SERVICE, self.instance_name()),
            shared(TYPES, Name::new_unchecked(SERVICE)),
            self.place().with_cache_flush(true),
            own(self.instance_name(), OTHER_TTL_S, RData::TXT(text)),
        ];
        records.extend(ips.iter().map(|ip| {
            let rdata = match *ip {
                IpAddr::V4(ip) => RData::A(ip.into()),
                IpAddr::V6(ip) => RData::AAAA(ip.into()),
            };
            own(self.host_name(), HOST_TTL_S, rdata)
        }));
        records
    }

    /// Looks at a message that has come from this port.
    pub(super) fn hear(&self, message: &[u8], port: u16) -> Heard {
        let Ok(packet) = Packet::parse(message) else { return Heard::Nothing };
        if packet.has_flags(PacketFlag::RESPONSE) {
            let (name, place) = (self.instance_name(), self.place());
            let is_other = |it: &ResourceRecord<'_>| {
                it.name == name && matches!(it.rdata, RData::SRV(_)) && it.rdata != place.rdata
            };
            let all = packet.answers.iter().chain(&packet.additional_records);
            // Who takes a name back has it no more.
            let mut all = all.filter(|it| it.ttl > 0);
            return if all.any(is_other) { Heard::Conflict } else { Heard::Nothing };
        }
        // Only the port's one who asks for the list may know it already.
        let knows = |record: &ResourceRecord<'_>| {
            packet.answers.iter().any(|it| {
                it.name == record.name && it.rdata == record.rdata && it.ttl >= record.ttl / 2
            })
        };
        let records = self.records(&[]);
        let is_asked = |asked: &Question<'_>| {
            let any_address = asked.qname == self.host_name();
            let of = |it: &&ResourceRecord<'_>| it.name == asked.qname && is_of(asked, it);
            is_internet(asked.qclass)
                && (any_address || records.iter().filter(of).any(|it| !knows(it)))
        };
        match packet.questions.iter().any(is_asked) {
            true => Heard::Question { legacy: (port != super::PORT).then(|| packet.id()) },
            false => Heard::Nothing,
        }
    }

    /// The message that tells everyone, or that it is over.
    pub(super) fn told(&self, ips: &[IpAddr], is_over: bool) -> Vec<u8> {
        let mut packet = Packet::new_reply(0);
        packet.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
        packet.answers = self.records(ips);
        if is_over {
            // Others may still have such services.
            packet.answers.retain(|it| it.name != Name::new_unchecked(TYPES));
            packet.answers.iter_mut().for_each(|it| it.ttl = 0);
        }
        packet.build_bytes_vec_compressed().unwrap_or_default()
    }

    /// The same for one who does not speak multicast DNS.
    pub(super) fn told_to(&self, ips: &[IpAddr], question: &[u8], id: u16) -> Vec<u8> {
        let mut packet = Packet::new_reply(id);
        packet.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
        if let Ok(asked) = Packet::parse(question) {
            packet.questions = asked.questions.into_iter().take(1).collect();
        }
        packet.answers = self.records(ips);
        for record in &mut packet.answers {
            (record.ttl, record.cache_flush) = (record.ttl.min(LEGACY_TTL_S), false);
        }
        packet.build_bytes_vec_compressed().unwrap_or_default()
    }

    /// The question whether somebody else has the room's name (section 8.1).
    pub(super) fn probe(&self) -> Vec<u8> {
        let mut packet = Packet::new_query(0);
        let class = QCLASS::CLASS(CLASS::IN);
        packet.questions = vec![Question::new(self.instance_name(), QTYPE::ANY, class, false)];
        packet.name_servers = vec![self.place()];
        packet.build_bytes_vec_compressed().unwrap_or_default()
    }
}

fn is_internet(class: QCLASS) -> bool {
    matches!(class, QCLASS::ANY | QCLASS::CLASS(CLASS::IN))
}

fn is_of(asked: &Question<'_>, record: &ResourceRecord<'_>) -> bool {
    match asked.qtype {
        QTYPE::ANY => true,
        QTYPE::TYPE(TYPE::PTR) => matches!(record.rdata, RData::PTR(_)),
        QTYPE::TYPE(TYPE::SRV) => matches!(record.rdata, RData::SRV(_)),
        QTYPE::TYPE(TYPE::TXT) => matches!(record.rdata, RData::TXT(_)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> Service {
        Service {
            machine: "desk".into(),
            suffix: " 9001".into(),
            host: "chatshelf-0a1b".into(),
            port: 9001,
            attributes: vec![("txtvers", "1".into()), ("fp", "SHA256:abc".into())],
            twins: 0,
        }
    }

    fn ips() -> [IpAddr; 2] {
        ["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()]
    }

    fn question(name: &str, qtype: QTYPE) -> Packet<'_> {
        let mut packet = Packet::new_query(7);
        let class = QCLASS::CLASS(CLASS::IN);
        packet.questions = vec![Question::new(Name::new(name).unwrap(), qtype, class, false)];
        packet
    }

    fn heard(packet: &Packet<'_>, port: u16) -> Heard {
        service().hear(&packet.build_bytes_vec().unwrap(), port)
    }

    #[test]
    fn what_is_asked_about_the_room_is_answered() {
        let yes = Heard::Question { legacy: None };
        for (name, qtype, expected) in [
            ("_chatshelf._tcp.local", QTYPE::TYPE(TYPE::PTR), yes),
            ("_CHATSHELF._tcp.local", QTYPE::ANY, yes),
            ("_chatshelf._tcp.local", QTYPE::TYPE(TYPE::SRV), Heard::Nothing),
            ("_services._dns-sd._udp.local", QTYPE::TYPE(TYPE::PTR), yes),
            ("desk 9001._chatshelf._tcp.local", QTYPE::TYPE(TYPE::SRV), yes),
            ("desk 9001._chatshelf._tcp.local", QTYPE::TYPE(TYPE::TXT), yes),
            ("desk._chatshelf._tcp.local", QTYPE::TYPE(TYPE::SRV), Heard::Nothing),
            ("chatshelf-0a1b.local", QTYPE::TYPE(TYPE::A), yes),
            ("_ipp._tcp.local", QTYPE::TYPE(TYPE::PTR), Heard::Nothing),
        ] {
            assert_eq!(heard(&question(name, qtype), 5353), expected, "{name}");
        }
        let asked = question("_chatshelf._tcp.local", QTYPE::TYPE(TYPE::PTR));
        assert_eq!(heard(&asked, 40_000), Heard::Question { legacy: Some(7) });
        let bytes = asked.build_bytes_vec().unwrap();
        for end in 0..bytes.len() {
            assert_eq!(service().hear(&bytes[..end], 5353), Heard::Nothing);
        }
    }

    #[test]
    fn who_knows_the_room_is_not_told_again() {
        let records = service().records(&ips());
        let mut asked = question("_chatshelf._tcp.local", QTYPE::TYPE(TYPE::PTR));
        asked.answers = vec![records[0].clone()];
        assert_eq!(heard(&asked, 5353), Heard::Nothing);
        asked.answers[0].ttl = OTHER_TTL_S / 2 - 1;
        assert_eq!(heard(&asked, 5353), Heard::Question { legacy: None }, "it forgets it soon");
    }

    #[test]
    fn an_answer_has_everything_to_join_by() {
        let bytes = service().told(&ips(), false);
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!(packet.answers, service().records(&ips()));
        assert!(packet.has_flags(PacketFlag::RESPONSE | PacketFlag::AUTHORITATIVE_ANSWER));
        assert_eq!(packet.answers[2].name.to_string(), "desk 9001._chatshelf._tcp.local");
        let over = service().told(&ips(), true);
        assert!(Packet::parse(&over).unwrap().answers.iter().all(|it| it.ttl == 0));
        let asked = question("_chatshelf._tcp.local", QTYPE::TYPE(TYPE::PTR));
        let legacy = service().told_to(&ips(), &asked.build_bytes_vec().unwrap(), 7);
        let legacy = Packet::parse(&legacy).unwrap();
        assert_eq!((legacy.id(), legacy.questions.len()), (7, 1));
        assert!(legacy.answers.iter().all(|it| it.ttl <= 10 && !it.cache_flush));
    }

    #[test]
    fn another_room_of_the_same_name_is_a_conflict() {
        let other = Service { host: "chatshelf-ffff".into(), ..service() };
        assert_eq!(service().hear(&other.told(&ips(), false), 5353), Heard::Conflict);
        for harmless in [
            service().told(&ips(), false),
            other.told(&ips(), true),
            Service { twins: 1, ..other.clone() }.told(&ips(), false),
        ] {
            assert_eq!(service().hear(&harmless, 5353), Heard::Nothing);
        }
        assert_eq!(service().hear(&other.probe(), 5353), Heard::Question { legacy: None });
    }

    #[test]
    fn a_long_name_is_cut_to_a_label() {
        for (machine, twins) in [("x".repeat(64), 0), ("x".repeat(63), 41), ("ä".repeat(40), 1)] {
            let service = Service { machine, twins, ..service() };
            let name = service.instance();
            assert!((62..=LABEL_BYTES_MAX).contains(&name.len()), "{name}");
            let end = if twins == 0 { " 9001".into() } else { format!(" 9001 ({})", twins + 1) };
            assert!(name.ends_with(&end), "{name}");
            assert!(Packet::parse(&service.told(&ips(), false)).is_ok());
        }
    }
}
