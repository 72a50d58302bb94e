//! Small numbers that share four bytes.

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bits(u32);

/// Where in the four bytes a number is, and how large it can be.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) shift: u32,
    pub(super) most: u32,
}

impl Bits {
    pub(super) const fn get(self, field: Field) -> u32 {
        self.0 >> field.shift & field.most
    }

    /// `None` where the number doesn't fit; nothing has changed then.
    pub(super) fn set(&mut self, field: Field, value: u32) -> Option<()> {
        (value <= field.most).then(|| self.0 ^= (self.get(field) ^ value) << field.shift)
    }
}

/// Of milliseconds, the highest 32 bits and the lowest.
pub(super) const fn split(millis: u64) -> (u32, u32) {
    ((millis >> 32) as u32, millis as u32)
}

pub(super) const fn join(high: u32, low: u32) -> u64 {
    ((high as u64) << 32).wrapping_add(low as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: Field = Field { shift: 0, most: 7 };
    const HIGH: Field = Field { shift: 3, most: 0x1fff_ffff };

    #[test]
    fn a_number_is_kept_beside_others_if_it_fits() {
        let mut bits = Bits::default();
        for (low, high) in [(5, HIGH.most), (7, 0), (0, 0x1234_5678), (2, 1)] {
            assert_eq!((bits.set(LOW, low), bits.set(HIGH, high)), (Some(()), Some(())));
            assert_eq!((bits.get(LOW), bits.get(HIGH)), (low, high));
        }
        assert_eq!((bits.set(LOW, 8), bits.set(HIGH, u32::MAX)), (None, None));
        assert_eq!((bits.get(LOW), bits.get(HIGH)), (2, 1));
    }

    #[test]
    fn milliseconds_are_joined_as_they_were_split() {
        assert_eq!(split(0x0123_4567_89ab_cdef), (0x0123_4567, 0x89ab_cdef));
        for millis in [0, 1, u64::from(u32::MAX), 1 << 32, u64::MAX] {
            let (high, low) = split(millis);
            assert_eq!(join(high, low), millis);
        }
    }
}
