//! The macros that make structs, encoders and decoders of the tables in [`super::frame`].
//!
//! `frames!` declares frames and the enum of all of them, `nested!` fields that hold fields. A line
//! of a body reads `SLOT TAG name: Type`, where the slot is `req`, `opt` or `rep`: a `Type`, an
//! `Option<Type>` or a `Vec<Type>`. [`super::field::Fields`] finds what is missing, there twice or
//! malformed.

macro_rules! put {
    (req $out:ident $tag:ident $value:expr) => {
        $crate::wire::field::put($out, $crate::wire::field::Tag::$tag, &$value)
    };
    (opt $out:ident $tag:ident $value:expr) => {
        if let Some(value) = &$value {
            $crate::wire::field::put($out, $crate::wire::field::Tag::$tag, value)
        }
    };
    (rep $out:ident $tag:ident $value:expr) => {
        for value in &$value {
            $crate::wire::field::put($out, $crate::wire::field::Tag::$tag, value)
        }
    };
}
macro_rules! take {
    (req $fields:ident $tag:ident) => {
        $fields.required($crate::wire::field::Tag::$tag)?
    };
    (opt $fields:ident $tag:ident) => {
        $fields.optional($crate::wire::field::Tag::$tag)?
    };
    (rep $fields:ident $tag:ident) => {
        $fields.repeated($crate::wire::field::Tag::$tag)?
    };
}
macro_rules! slot {
    (req $kind:ty) => { $kind };
    (opt $kind:ty) => { Option<$kind> };
    (rep $kind:ty) => { Vec<$kind> };
}

/// Declares a struct made of fields, and how it is written as fields and read from them.
macro_rules! fields {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$field_doc:meta])* $slot:ident $tag:ident $field:ident: $kind:ty,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: slot!($slot $kind),)*
        }

        impl $name {
            /// Its fields in their order: the name of each tag, and `req`, `opt` or `rep`.
            pub const FIELDS: &[(&str, &str)] = &[$((stringify!($tag), stringify!($slot)),)*];

            fn put_all(&self, _out: &mut Vec<u8>) {
                $(put!($slot _out $tag self.$field);)*
            }

            fn take_all(
                _fields: &$crate::wire::field::Fields<'_>,
            ) -> Result<Self, $crate::wire::DecodeError> {
                Ok(Self { $($field: take!($slot _fields $tag),)* })
            }
        }
    };
}

macro_rules! flags {
    () => {
        0
    };
    (skippable) => {
        $crate::wire::header::FLAG_SKIPPABLE
    };
}

/// Declares frames: a struct for each, and the enum of all of them that a receiver matches on. A
/// frame that is `(skippable)` was added after version 1 was frozen, so not every peer knows it.
macro_rules! frames {
    ($(#[$enum_doc:meta])* $all:ident {
        $($(#[$doc:meta])* $number:literal $name:ident $(($flag:ident))? { $($body:tt)* })*
    }) => {
        $(
            fields! { $(#[$doc])* $name { $($body)* } }

            impl $crate::wire::Frame for $name {
                const KIND: u8 = $number;
                const FLAGS: u8 = flags!($($flag)?);

                fn put_fields(&self, out: &mut Vec<u8>) {
                    self.put_all(out);
                }

                fn take_fields(
                    fields: &$crate::wire::field::Fields<'_>,
                ) -> Result<Self, $crate::wire::DecodeError> {
                    Self::take_all(fields)
                }
            }

            impl From<$name> for $all {
                fn from(frame: $name) -> Self {
                    Self::$name(frame)
                }
            }
        )*

        $(#[$enum_doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each variant is documented at its struct")]
        pub enum $all {
            $($name($name),)*
        }

        impl $all {
            /// The type number and name of each.
            pub const KINDS: &[(u8, &str)] = &[$(($number, stringify!($name)),)*];

            /// The fields of each, by its type number.
            pub const FIELDS: &[(u8, &[(&str, &str)])] = &[$(($number, $name::FIELDS),)*];

            /// Reads a frame's value, by the frame's type.
            ///
            /// # Errors
            /// [`UnknownType`](crate::wire::DecodeError::UnknownType) when the type is none of
            /// these; otherwise what is wrong with the fields.
            pub fn decode(kind: u8, value: &[u8]) -> Result<Self, $crate::wire::DecodeError> {
                use $crate::wire::field::Fields;

                match kind {
                    $($number => $name::take_fields(&Fields::parse(value)?).map(Self::$name),)*
                    other => Err($crate::wire::DecodeError::UnknownType(other)),
                }
            }

            /// Appends the whole frame: header, then fields.
            pub fn encode(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$name(frame) => frame.encode(out),)*
                }
            }
        }
    };
}

/// Declares a field whose value is itself a list of fields.
macro_rules! nested {
    ($($(#[$doc:meta])* $name:ident { $($body:tt)* })*) => {$(
        fields! { $(#[$doc])* $name { $($body)* } }

        impl $crate::wire::field::FieldValue for $name {
            fn put(&self, out: &mut Vec<u8>) {
                self.put_all(out);
            }

            fn take(
                _tag: $crate::wire::field::Tag,
                bytes: &[u8],
            ) -> Result<Self, $crate::wire::DecodeError> {
                Self::take_all(&$crate::wire::field::Fields::parse(bytes)?)
            }
        }
    )*};
}
