//! Bytes as JSON holds them: RFC 4648 base64.

// Six bits are below 64, and a byte below 256: the compiler knows it, too.
#![allow(clippy::indexing_slicing)]

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What each letter stands for; above 63 what is no letter.
const SEXTETS: [u8; 256] = {
    let mut all = [u8::MAX; 256];
    let mut sextet = 0;
    while sextet < 64 {
        all[ALPHABET[sextet] as usize] = sextet as u8;
        sextet += 1;
    }
    all
};

/// Base64 with padding.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    let (whole, rest) = bytes.as_chunks::<3>();
    for [a, b, c] in whole {
        text.extend_from_slice(&letters([*a, *b, *c]));
    }
    match *rest {
        [a] => {
            let [first, second, ..] = letters([a, 0, 0]);
            text.extend_from_slice(&[first, second, b'=', b'=']);
        }
        [a, b] => {
            let [first, second, third, _] = letters([a, b, 0]);
            text.extend_from_slice(&[first, second, third, b'=']);
        }
        _ => {}
    }
    // They are letters of the alphabet.
    String::from_utf8(text).unwrap_or_default()
}

fn letters([a, b, c]: [u8; 3]) -> [u8; 4] {
    let bits = u32::from_be_bytes([0, a, b, c]);
    [18, 12, 6, 0].map(|above| ALPHABET[(bits >> above & 63) as usize])
}

/// The bytes of base64 text, with its padding or without; none if it is not. Bits beyond the last byte are ignored.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let letters = text.trim_end_matches('=').as_bytes();
    let padding = text.len() - letters.len();
    // One letter alone is less than a byte; two miss two, three miss one.
    if letters.len() % 4 == 1
        || (padding > 0 && (letters.len() % 4 < 2 || padding != 4 - letters.len() % 4))
    {
        return None;
    }
    let mut bytes = Vec::with_capacity(letters.len() / 4 * 3 + 2);
    let (whole, rest) = letters.as_chunks::<4>();
    for four in whole {
        bytes.extend_from_slice(&three(*four)?);
    }
    if !rest.is_empty() {
        let mut four = [b'A'; 4];
        for (to, from) in four.iter_mut().zip(rest) {
            *to = *from;
        }
        bytes.extend(three(four)?.into_iter().take(rest.len() - 1));
    }
    Some(bytes)
}

fn three(letters: [u8; 4]) -> Option<[u8; 3]> {
    let [a, b, c, d] = letters.map(|letter| u32::from(SEXTETS[usize::from(letter)]));
    if (a | b | c | d) > 63 {
        return None;
    }
    let [_, first, second, third] = (a << 18 | b << 12 | c << 6 | d).to_be_bytes();
    Some([first, second, third])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_is_that_of_rfc_4648() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(plain.as_bytes()), coded);
            assert_eq!(decode(coded).as_deref(), Some(plain.as_bytes()));
            assert_eq!(
                decode(coded.trim_end_matches('=')).as_deref(),
                Some(plain.as_bytes())
            );
        }
    }

    #[test]
    fn what_is_something_else_is_refused() {
        for text in [
            "Z", "Zm9vY", "Zg=", "Zg===", "Zm8==", "Zm9v=", "Zm9v====", "=", "====", "Zg==Zg==",
            "Z g=", "Zg-_", "Zg==\n", "Zü==", "*m9v", "Z*9v", "Zm*v", "Zm9*", "Z*==", "Zm*=",
        ] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn bytes_come_back(data: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&data)), Some(data));
        }

        #[test]
        fn any_text_is_decoded_or_refused(text: String) {
            let _ = decode(&text);
        }
    }
}
