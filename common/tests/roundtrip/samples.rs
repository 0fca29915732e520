//! A strategy for every frame of the protocol. A frame or field that is added to the code and
//! not to the tables below does not compile.

use std::fmt;
use std::net::Ipv6Addr;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;

use chatshelf_common::id::{
    BanId, Digest, ItemId, LinkToken, MessageId, Mode, ResumeToken, Seq, TransferId, UnixMillis,
    UploadKey,
};
use chatshelf_common::limits;
use chatshelf_common::password::Password;
use chatshelf_common::rate::Rate;
use chatshelf_common::text::{FileName, LinkBase, Message, Nick, Note, Topic};
use chatshelf_common::wire::frame::*;
use chatshelf_common::wire::header::HEADER_BYTES;
use chatshelf_common::wire::{Code, DecodeError};

/// What a field can hold, and how to draw one.
trait Drawn: fmt::Debug + Sized + 'static {
    fn drawn() -> BoxedStrategy<Self>;
}

/// Draws what a field is found to hold.
macro_rules! drawn_as {
    ($field:ident) => {
        Drawn::drawn()
    };
}

/// Draws a struct by drawing each of its fields.
macro_rules! of_fields {
    ($name:ident $($field:ident)*) => {
        ($(drawn_as!($field),)* Just(()),).prop_map(|($($field,)* (),)| $name { $($field),* })
    };
}

macro_rules! drawn {
    ($($kind:ty = $strategy:expr;)*) => {$(
        impl Drawn for $kind {
            fn drawn() -> BoxedStrategy<Self> {
                $strategy.boxed()
            }
        }
    )*};
}

drawn! {
    u8 = any::<u8>();
    u16 = any::<u16>();
    u32 = prop_oneof![any::<u32>(), select(vec![0, u32::MAX])];
    u64 = prop_oneof![any::<u64>(), select(vec![0, u64::MAX])];
    [u8; 4] = any::<[u8; 4]>();
    Seq = u64::drawn().prop_map(Seq);
    ItemId = u64::drawn().prop_map(ItemId);
    MessageId = u64::drawn().prop_map(MessageId);
    UnixMillis = u64::drawn().prop_map(UnixMillis);
    TransferId = u32::drawn().prop_map(TransferId);
    Digest = any::<[u8; 32]>().prop_map(Digest);
    UploadKey = any::<[u8; 16]>().prop_map(UploadKey);
    LinkToken = any::<[u8; 16]>().prop_map(LinkToken);
    ResumeToken = any::<[u8; 24]>().prop_map(ResumeToken);
    Marker = Just(Marker);
    Code = any::<u16>().prop_map(Code);
    Style = any::<u8>().prop_map(Style);
    Part = any::<(bool, bool)>().prop_map(|(first, last)| Part { first, last });
    Nick = text("aZ0_ßż李९٣", limits::NICK_BYTES_MAX).prop_map(|text| Nick::new(&text).unwrap());
    FileName = text("aZ0_. :żß李\u{200d}🦀", limits::FILE_NAME_BYTES_MAX)
        .prop_filter_map("neither `.` nor `..`", |text| FileName::from_bytes(text.as_bytes()).ok());
    Message = text("aZ0 \n\t/\\ß李\u{202e}🦀", limits::MESSAGE_BYTES_MAX)
        .prop_map(|text| Message::new(&text).unwrap());
    Topic = text("aZ0 /\\ß李🦀", limits::TOPIC_BYTES_MAX)
        .prop_map(|text| Topic::new(&text).unwrap());
    Note = text("aZ0 /\\ß李🦀", limits::NOTE_BYTES_MAX).prop_map(|text| Note::new(&text).unwrap());
    LinkBase = (select(vec!["http:", "https:"]), text("aZ0-.:[]", limits::LINK_BASE_BYTES_MAX - 8))
        .prop_flat_map(|(scheme, host)| {
            select(vec![String::new(), scheme.into(), format!("{scheme}//{host}")])
        })
        .prop_map(|text| LinkBase::new(&text).unwrap());
    Mode = any::<u32>().prop_map(Mode::of);
    FigureKind = any::<u16>().prop_map(FigureKind);
    Figure = of_fields!(Figure kind value);
    AllowanceKind = any::<u16>().prop_map(AllowanceKind);
    Rate = (1..=u64::MAX, 1..=u64::MAX, 1..=u32::MAX)
        .prop_map(|(at_once, refill, period_ms)| Rate::new(at_once, refill, period_ms).unwrap());
    Allowance = of_fields!(Allowance kind rate);
    DeadlineKind = any::<u16>().prop_map(DeadlineKind);
    Deadline = of_fields!(Deadline kind ms);
    Action = any::<u8>().prop_map(Action);
    BanId = u64::drawn().prop_map(BanId);
    Ipv6Addr = any::<[u8; 16]>().prop_map(Ipv6Addr::from);
    Password = vec(any::<u8>(), 1..=limits::PASSWORD_BYTES_MAX)
        .prop_map(|bytes| Password::new(&bytes).unwrap());
    BanEntry = of_fields!(BanEntry ban to address until nick at reason);
    Item = of_fields!(Item id name size digest nick at mode modified link);
    TopicState = of_fields!(TopicState topic nick at);
}

impl<T: Drawn> Drawn for Option<T> {
    fn drawn() -> BoxedStrategy<Self> {
        proptest::option::of(T::drawn()).boxed()
    }
}

impl<T: Drawn> Drawn for Vec<T> {
    fn drawn() -> BoxedStrategy<Self> {
        vec(T::drawn(), 0..6).boxed()
    }
}

/// Text of these characters, mostly short, now and then as long as allowed.
fn text(alphabet: &str, bytes_max: usize) -> impl Strategy<Value = String> {
    let chars: Vec<char> = alphabet.chars().collect();
    (vec(select(chars), 1..12), prop::bool::weighted(0.1)).prop_map(move |(chars, full)| {
        let repeats = if full { bytes_max } else { 1 };
        let mut text: String = chars.repeat(repeats).iter().take(bytes_max).collect();
        text.truncate(text.floor_char_boundary(bytes_max));
        text
    })
}

macro_rules! samples {
    ($($all:ident { $($name:ident: $($field:ident)*;)* })*) => {
        /// Any frame that is a list of fields.
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) enum Sample {
            $($all($all),)*
        }

        impl Sample {
            /// The whole frame, by the encoder of its own type. The match is exhaustive.
            pub(crate) fn to_bytes(&self) -> Vec<u8> {
                match self {
                    $($(Self::$all($all::$name(frame)) => frame.to_bytes(),)*)*
                }
            }

            /// What a receiver of this kind of frame makes of a value.
            pub(crate) fn decode(&self, value: &[u8]) -> Result<Self, DecodeError> {
                match self {
                    $(Self::$all(_) => $all::decode(self.kind(), value).map(Self::$all),)*
                }
            }

            /// What each receiver makes of a value, beside the types it knows.
            pub(crate) fn decode_by_all(
                kind: u8,
                value: &[u8],
            ) -> Vec<(Result<Self, DecodeError>, &'static [(u8, &'static str)])> {
                vec![$(($all::decode(kind, value).map(Self::$all), $all::KINDS)),*]
            }
        }

        /// Each type of frame is drawn equally often.
        pub(crate) fn sample() -> impl Strategy<Value = Sample> {
            Union::new([$($(
                of_fields!($name $($field)*).prop_map(|frame| Sample::$all(frame.into())).boxed(),
            )*)*])
        }
    };
}

samples! {
    ClientFrame {
        Hello: magic version_min version_max capabilities software;
        Join: nick history since since_at resume quiet password;
        Say: id text style repeat;
        Tell: id to text;
        Rename: nick;
        SetTopic: topic;
        Leave: ;
        StatsRequest: ;
        Op: password;
        Moderate: action to address line ban seconds reason;
        BansRequest: ;
        UploadOffer: transfer name size key mode modified;
        UploadDone: transfer digest;
        DownloadRequest: transfer item offset;
        Cancel: transfer;
        Drop: item key;
        Ping: ;
        Pong: ;
    }
    ServerFrame {
        HelloAck: version capabilities software file_bytes_max shelf_items_max transfers_max
            history_max allowances deadlines link_base;
        Welcome: nick seq from resume;
        Snapshot: seq part topic members items;
        Refused: code about limit id transfer item suggestion retry_ms detail;
        Goodbye: code limit version_min version_max retry_ms detail;
        Told: at from to id text;
        Gap: from to nick;
        Stats: figures;
        Bans: part bans;
        UploadReady: transfer offset digest;
        UploadStored: transfer item;
        DownloadReady: transfer offset item;
        ServerPing: ;
        ServerPong: ;
    }
    Event {
        Said: seq at nick id text style;
        Joined: seq at nick quiet;
        Left: seq at nick code quiet;
        Renamed: seq at nick to;
        TopicChanged: seq at nick topic;
        Shelved: seq at item;
        Dropped: seq at item name nick;
        Forgotten: seq at;
        Moderated: seq at nick action to line until reason;
    }
}

impl Sample {
    /// The frame's type number.
    pub(crate) fn kind(&self) -> u8 {
        self.to_bytes()[0]
    }

    /// The frame without its header.
    pub(crate) fn value(&self) -> Vec<u8> {
        self.to_bytes().split_off(HEADER_BYTES)
    }
}
