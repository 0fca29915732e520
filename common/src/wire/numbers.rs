//! Numbers with names: of fields, of reasons, of statistics. A peer may send some that this version
//! does not know.

/// Gives a type of one integer a constant for each number that this version knows, those names for
/// debugging, and the list of them all.
macro_rules! numbers {
    (
        $(#[$for_each:meta])* $type:ident, $what:literal, $all:ident;
        $($(#[$attribute:meta])* $name:ident = $number:literal)*
    ) => {
        $(#[$for_each])*
        impl $type {
            $($(#[$attribute])* pub const $name: Self = Self($number);)*
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.0 {
                    $($number => f.write_str(stringify!($name)),)*
                    other => write!(f, concat!($what, " {}"), other),
                }
            }
        }

        #[doc = concat!("Every ", $what, " this version knows, with its name as in PROTOCOL.md.")]
        pub const $all: &[($type, &str)] = &[$(($type::$name, stringify!($name)),)*];
    };
}

pub(crate) use numbers;
