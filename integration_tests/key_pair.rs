//! A key pair for the JWT bearer flow. The tests of the source use this file too.

use std::sync::OnceLock;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// An RSA key pair in PEM.
pub(crate) struct KeyPairPem {
    pub(crate) private: String,
    pub(crate) public: String,
}

impl KeyPairPem {
    pub(crate) fn generate() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let private = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
        let public = aws_lc_rs::signature::KeyPair::public_key(&pair);
        let public = AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(public).unwrap();
        Self { private: pem("PRIVATE KEY", private.as_ref()), public: pem("PUBLIC KEY", public.as_ref()) }
    }
}

/// The key pair of the app of every simulated org.
pub(crate) fn key_pair() -> &'static KeyPairPem {
    static PAIR: OnceLock<KeyPairPem> = OnceLock::new();
    PAIR.get_or_init(KeyPairPem::generate)
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
