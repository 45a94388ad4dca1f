//! Unsigned LEB128 integers, canonical only.

/// Appends `value`.
pub fn put(out: &mut Vec<u8>, mut value: u128) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes one integer off the front; None where it is cut, too large or padded.
pub fn take(bytes: &mut &[u8]) -> Option<u128> {
    let mut value = 0u128;
    for shift in (0..).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let digit = u128::from(byte & 0x7f);
        if shift >= 128 || (digit << shift) >> shift != digit {
            return None;
        }
        value |= digit << shift;
        if byte & 0x80 == 0 {
            return (digit != 0 || shift == 0).then_some(value);
        }
    }
    None
}

/// `take` into 64 bits.
pub fn take_u64(bytes: &mut &[u8]) -> Option<u64> {
    take(bytes)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        for value in [0, 1, 127, 128, 300, u128::from(u64::MAX), u128::MAX] {
            let mut out = Vec::new();
            put(&mut out, value);
            let mut rest = out.as_slice();
            assert_eq!(take(&mut rest), Some(value));
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn cut_padded_and_oversized_are_refused() {
        assert_eq!(take(&mut [0x80].as_slice()), None);
        assert_eq!(take(&mut [0x80, 0].as_slice()), None);
        assert_eq!(take(&mut [0xff; 19].as_slice()), None);
        assert_eq!(take(&mut [0xff; 400].as_slice()), None);
        assert_eq!(
            take_u64(&mut [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2].as_slice()),
            None
        );
    }
}
