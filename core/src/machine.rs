//! State machines as tables: which kind of state may follow which.

/// Declares the kinds of states of a machine and the moves between them.
macro_rules! machine {
    ($(#[$doc:meta])* $name:ident { $($kind:ident => [$($next:ident),*]),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub(crate) enum $name { $($kind),+ }

        impl $name {
            /// May a state of kind `next` follow one of this kind?
            pub(crate) const fn allows(self, next: Self) -> bool {
                match self {
                    $(Self::$kind => {
                        const NEXT: &[$name] = &[$($name::$next),*];
                        let mut nth = 0;
                        while nth < NEXT.len() {
                            if NEXT[nth] as u8 == next as u8 {
                                return true;
                            }
                            nth += 1;
                        }
                        false
                    }),+
                }
            }
        }
    };
}

pub(crate) use machine;
