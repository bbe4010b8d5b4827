//! What is signed in the messages, and how a signature is spelled. Signing itself is the caller's: RSA PKCS#1 v1.5
//! over SHA-256 (capture: a public client's signatures, verified).

use thiserror::Error;

use super::client_id::SmsId;
use super::text;

/// Object id of sha256RSA, the value of `HashAlgorithm` (capture).
pub const HASH_ALGORITHM_SHA256_RSA: &str = "1.2.840.113549.1.1.11";

/// `CALG_SHA_256`, the number that stands for the hash in policies and issuing certificates (capture).
pub const CALG_SHA_256: u32 = 32780;

/// A longer signature than any RSA key in use gives, in bytes.
const SIGNATURE_BYTES: usize = 1024;

/// A signature that is not hexadecimal, or far too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a signature must be 2 to 2048 hexadecimal digits")]
pub struct SignatureError;

/// Bytes under `ClientIDSignature`: the id with its prefix, as UTF-16LE with U+0000.
#[must_use]
pub fn client_id_bytes(id: SmsId) -> Vec<u8> {
    text::utf16le_terminated(&id.to_string())
}

/// Bytes under the registration's `SignatureValue`: the literal `Data` element as received, as UTF-16LE.
#[must_use]
pub fn registration_bytes(data_element: &str) -> Vec<u8> {
    text::utf16le(data_element)
}

/// Bytes under `ClientTokenSignature`: the value of the `ClientToken` header, as UTF-16LE with U+0000.
#[must_use]
pub fn client_token_bytes(token: &str) -> Vec<u8> {
    text::utf16le_terminated(token)
}

/// Spells a signature (most significant byte first, as crypto libraries give it) for a message: CryptoAPI byte
/// order, which is reversed, in upper-case hex.
#[must_use]
pub fn to_hex(signature: &[u8]) -> String {
    let reversed: Vec<u8> = signature.iter().rev().copied().collect();
    hex::encode_upper(reversed)
}

/// The inverse of [`to_hex`].
///
/// # Errors
/// [`SignatureError`].
pub fn from_hex(digits: &str) -> Result<Vec<u8>, SignatureError> {
    let digits = digits.trim();
    if digits.is_empty() || digits.len() > 2 * SIGNATURE_BYTES {
        return Err(SignatureError);
    }
    let mut bytes = hex::decode(digits).map_err(|_| SignatureError)?;
    bytes.reverse();
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_spelled_backwards() {
        assert_eq!(to_hex(&[0x01, 0x02, 0xAB]), "AB0201");
        assert_eq!(from_hex(" ab0201\r\n").unwrap(), [0x01, 0x02, 0xAB]);
        for wrong in ["", "0", "xx"] {
            assert_eq!(from_hex(wrong), Err(SignatureError));
        }
        assert!(from_hex(&"00".repeat(SIGNATURE_BYTES)).is_ok());
        assert!(from_hex(&"00".repeat(SIGNATURE_BYTES + 1)).is_err());
    }

    #[test]
    fn the_id_is_signed_with_its_prefix_and_a_terminator() {
        let id: SmsId = "GUID:0E6F4C1A-7B2D-4E5F-8A9B-1C2D3E4F5A6B".parse().unwrap();
        let bytes = client_id_bytes(id);
        assert_eq!(bytes.len(), 2 * (5 + 36 + 1));
        assert_eq!(&bytes[..4], b"G\0U\0");
        assert_eq!(&bytes[bytes.len() - 4..], b"B\0\0\0");
        assert_eq!(registration_bytes("<D/>"), b"<\0D\0/\0>\0");
        assert_eq!(client_token_bytes("a"), b"a\0\0\0");
    }
}
