//! Why something was refused or a connection closed (PROTOCOL.md, "Codes").

use std::fmt;

use super::numbers::numbers;

/// A reason, as sent in `Refused`, `Goodbye` and `Left`.
///
/// Not an enum: a newer peer may send a code that this version does not know, and it must be
/// accepted.
///
/// ```
/// use chatshelf_common::wire::Code;
///
/// assert_eq!(Code::NICK_TAKEN, Code(21));
/// assert_eq!(Code::NICK_TAKEN.to_string(), "that name is taken");
/// assert_eq!(Code(999).to_string(), "a reason this program does not know");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(pub u16);

macro_rules! codes {
    ($($number:literal $name:ident $text:literal)*) => {
        numbers! {
            Code, "code", CODES;
            $(#[doc = concat!("Code ", stringify!($number), ": ", $text, ".")] $name = $number)*
        }

        impl Code {
            /// Returns what the code means, as a clause for people to read.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self.0 {
                    $($number => $text,)*
                    _ => "a reason this program does not know",
                }
            }
        }
    };
}

codes! {
    1 NOT_CHATSHELF "this is not a chatshelf client"
    2 VERSION "client and server have no protocol version in common"
    3 MALFORMED "a frame could not be understood"
    4 UNKNOWN_TYPE "a frame of unknown type arrived"
    5 UNEXPECTED "that frame is not allowed now"
    6 FRAME_TOO_LONG "a frame is longer than allowed"
    7 ROOM_FULL "the room is full"
    8 NOT_JOINED_IN_TIME "the client did not join in time"
    9 TIMED_OUT "nothing was received for too long"
    10 TOO_SLOW "data went unread for too long"
    11 LEFT "the member left"
    12 CONNECTION_LOST "the connection was lost"
    13 SHUTTING_DOWN "the server is shutting down"
    14 REPLACED "a newer connection has taken its place"
    15 TOO_MANY_REFUSALS "too many names were refused"
    16 TOO_MANY_CONNECTIONS "too many connections are waiting to join"
    17 UNCHANGED "that would change nothing"
    18 TOO_SOON "that was asked a moment ago"
    19 NOT_ENCRYPTED "the server wants an encrypted connection"
    20 NICK_INVALID "that name is not allowed"
    21 NICK_TAKEN "that name is taken"
    22 NO_SUCH_MEMBER "nobody here has that name"
    23 TEXT_INVALID "that text is not allowed"
    24 TEXT_TOO_LONG "that text is too long"
    25 MEMBER_BUSY "that member cannot receive messages now"
    26 ALREADY_SAID "that message is already in the log"
    27 TOO_MANY_LINES "too many lines in a short time"
    28 TOO_MANY_CHANGES "too many changes of name or topic in a short time"
    40 FILE_TOO_LARGE "the file is larger than the server accepts"
    41 FILE_NAME_INVALID "that file name is not allowed"
    42 TOO_MANY_TRANSFERS "too many transfers are running"
    43 ITEM_UNKNOWN "nothing with that number was ever on the shelf"
    44 ITEM_DROPPED "that file has been dropped from the shelf"
    45 STORAGE_FAILED "the server could not read or write its disk"
    46 STORAGE_FULL "the server's disk is full"
    47 DIGEST_MISMATCH "the content arrived damaged"
    48 SIZE_MISMATCH "the content does not have the announced size"
    49 CANCELLED "the transfer was cancelled"
    50 STALLED "the transfer made no progress for too long"
    51 NOT_YOURS "someone else shared that file"
    52 TOO_MUCH_UPLOADED "too much was uploaded in a short time"
    60 TOO_MANY_FROM_ADDRESS "too many connections come from this address"
    61 TOO_MANY_JOINS "too many have joined from this address in a short time"
    62 TOO_MUCH_SENT "this address has asked for too much history in a short time"
    63 FLOODING "too many requests were repeated after they had been refused"
    64 PASSWORD_NEEDED "the room asks for a password"
    65 PASSWORD_WRONG "that is not the password"
    66 TOO_MANY_GUESSES "too many wrong passwords came from this address"
    67 BANNED "that name or address is banned"
    68 KICKED "an operator has put the member out of the room"
    69 NOT_OPERATOR "that is for operators only"
    70 TOPIC_LOCKED "only operators may change the topic now"
    71 LINE_UNKNOWN "no such line can be redacted"
    72 BAN_UNKNOWN "there is no ban with that number"
    73 TOO_MANY_BANS "there are too many bans"
    74 YOURSELF "that would shut you out yourself"
    75 ACTION_UNKNOWN "the server does not know that action, or something it needs is missing"
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.meaning())
    }
}
