//! The RSA private key of the JWT bearer flow.

use jsonwebtoken::{Algorithm, EncodingKey};
use secrecy::{ExposeSecret, SecretString};

/// An RSA private key that can sign.
#[derive(Debug, Clone)]
pub struct PrivateKey {
    pem: SecretString,
}

/// Why a text is not a private key. It does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrivateKeyError {
    /// It has a passphrase.
    #[error("The private_key is encrypted. Give it without a passphrase, for example as openssl pkey writes it.")]
    Encrypted,
    /// It is another kind of key, too short, or not in PEM form.
    #[error(
        "The private_key is not an RSA private key in PEM form. It begins with \"-----BEGIN PRIVATE KEY-----\" or \
         \"-----BEGIN RSA PRIVATE KEY-----\"; the certificate in the Salesforce app is its public half."
    )]
    NotAPrivateKey,
}

impl PrivateKey {
    /// Reads a key in PEM form. Its lines may end in any way, also with blanks or a spelled-out `\n`, because forms of
    /// one line change line ends.
    ///
    /// # Errors
    /// The text is not an RSA private key of at least 2048 bits without a passphrase.
    pub fn from_pem(text: &str) -> Result<Self, PrivateKeyError> {
        let pem = rewrap(text);
        // A public key and one that is too short are read without an error, and fail only when they sign.
        let can_sign = EncodingKey::from_rsa_pem(pem.as_bytes())
            .is_ok_and(|key| jsonwebtoken::crypto::sign(b"probe", &key, Algorithm::RS256).is_ok());
        if can_sign {
            Ok(Self { pem: pem.into() })
        } else if text.contains("ENCRYPTED") {
            Err(PrivateKeyError::Encrypted)
        } else {
            Err(PrivateKeyError::NotAPrivateKey)
        }
    }

    /// The key in the form that signs.
    pub(super) fn encoding_key(&self) -> Result<EncodingKey, PrivateKeyError> {
        EncodingKey::from_rsa_pem(self.pem.expose_secret().as_bytes()).map_err(|_| PrivateKeyError::NotAPrivateKey)
    }
}

/// Writes a PEM with plain line ends.
fn rewrap(pem: &str) -> String {
    let pem = pem.replace("\\r", "").replace("\\n", "\n").replace("\r\n", "\n").replace('\r', "\n");
    let parts: Vec<&str> = pem.split("-----").map(str::trim).collect();
    let ["", begin, body, end, ""] = parts[..] else { return pem };
    let body: Vec<&str> = body.split_whitespace().collect();
    format!("-----{begin}-----\n{}\n-----{end}-----\n", body.join("\n"))
}

#[cfg(test)]
pub(super) mod tests {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::KeyPair as _;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use jsonwebtoken::DecodingKey;

    use super::*;

    /// A new private key in PEM form, and its public half.
    pub(crate) fn new_key() -> (String, DecodingKey) {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der>::as_der(&pair).unwrap();
        let body = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
        (pem, DecodingKey::from_rsa_der(pair.public_key().as_ref()))
    }

    #[test]
    fn lines_may_end_in_any_way() {
        let (pem, _) = new_key();
        for line_end in ["\n", "\r\n", "\r", "\\n", "\\r\\n", " "] {
            let key = PrivateKey::from_pem(&pem.replace('\n', line_end)).unwrap();
            assert_eq!(key.pem.expose_secret(), pem, "{line_end:?}");
        }
        let key = PrivateKey::from_pem(&format!("\n {pem} ")).unwrap();
        assert!(!key.pem.expose_secret().contains(['\r', '\\']));
    }

    #[test]
    fn a_text_that_is_no_key_is_refused_without_repeating_it() {
        for (pem, word) in [
            ("", "PEM"),
            ("hunter2", "PEM"),
            ("-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----", "PEM"),
            ("-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----", "PEM"),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----\naGVsbG8=\n-----END ENCRYPTED PRIVATE KEY-----", "passphrase"),
        ] {
            let error = PrivateKey::from_pem(pem).unwrap_err();
            assert!(error.to_string().contains(word) && error.to_string().contains("private_key"), "{pem}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn debug_output_hides_the_key() {
        let (pem, _) = new_key();
        let shown = format!("{:?}", PrivateKey::from_pem(&pem).unwrap());
        assert!(!shown.contains(&pem[40..80]), "{shown}");
    }
}
