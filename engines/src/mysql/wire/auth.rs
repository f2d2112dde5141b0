//! Proving who we are.
//!
//! The methods: `mysql_native_password`, `caching_sha2_password` and
//! `sha256_password`. The latter two send the password itself when the server
//! has no cached digest of it: through TLS or a local socket as it is, otherwise
//! encrypted with a key that the server sends, as MySQL's own clients can do.
//! That key isn't verified, so only `ssl-mode=verify_ca` keeps a password from
//! somebody who can pretend to be the server.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use secrecy::ExposeSecret;
use tokio_rustls::rustls::pki_types::SubjectPublicKeyInfoDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use super::channel::Channel;
use super::cursor::Cursor;
use super::packet::mark;
use super::{WireError, WireResult};
use crate::mysql::login::Login;

pub(in crate::mysql) const NONCE_BYTES: usize = 20;

const NATIVE: &str = "mysql_native_password";
const CACHING_SHA2: &str = "caching_sha2_password";
const SHA256: &str = "sha256_password";

/// What the server says while `caching_sha2_password` is under way.
mod caching_sha2 {
    pub(super) const DONE: u8 = 3;
    pub(super) const SEND_PASSWORD: u8 = 4;
    pub(super) const ASK_FOR_KEY: u8 = 2;
}
const SHA256_ASK_FOR_KEY: u8 = 1;

/// An answer to a server's nonce, by one of its methods.
pub(in crate::mysql) struct Answer {
    pub(in crate::mysql) method: &'static str,
    pub(in crate::mysql) data: Vec<u8>,
}

/// One attempt to log in.
pub(in crate::mysql) struct Session<'a> {
    pub(in crate::mysql) login: &'a Login,
    /// Nobody on the way can read what we send.
    pub(in crate::mysql) confidential: bool,
}

impl Session<'_> {
    /// What to say before the server has looked at the account. A method that
    /// we don't know may not be the account's: the server then names that.
    pub(in crate::mysql) fn first_answer(&self, method: &str, nonce: &[u8]) -> Answer {
        self.answer(method, nonce).unwrap_or(Answer { method: NATIVE, data: Vec::new() })
    }

    fn answer(&self, method: &str, nonce: &[u8]) -> Option<Answer> {
        let password = self.login.password.expose_secret().as_bytes();
        Some(match method {
            NATIVE => Answer { method: NATIVE, data: native(password, nonce) },
            CACHING_SHA2 => Answer { method: CACHING_SHA2, data: caching_sha2_digest(password, nonce) },
            SHA256 if password.is_empty() => Answer { method: SHA256, data: vec![0] },
            SHA256 if self.confidential => Answer { method: SHA256, data: self.clear_password() },
            SHA256 => Answer { method: SHA256, data: vec![SHA256_ASK_FOR_KEY] },
            _ => return None,
        })
    }

    /// Goes through what the server asks until it lets us in.
    pub(in crate::mysql) async fn finish(&self, channel: &mut Channel, nonce: &[u8], method: &str) -> WireResult<()> {
        let (mut nonce, mut method) = (nonce.to_vec(), method.to_owned());
        // A server switches once at most; the bound is for one that doesn't
        // know when to stop.
        for _ in 0..STEPS_MAX {
            let packet = channel.receive().await?;
            match packet.split_first() {
                Some((&mark::OK, _)) => return Ok(()),
                Some((&mark::END, request)) => {
                    (method, nonce) = switch(request)?;
                    let answer =
                        self.answer(&method, &nonce).ok_or_else(|| WireError::AuthMethod(printable(&method)))?;
                    channel.send(&answer.data).await?;
                }
                Some((&mark::MORE_AUTH, data)) => self.more(channel, &method, &nonce, data).await?,
                _ => return Err(UNEXPECTED),
            }
        }
        Err(UNEXPECTED)
    }

    async fn more(&self, channel: &mut Channel, method: &str, nonce: &[u8], data: &[u8]) -> WireResult<()> {
        match (method, data) {
            (CACHING_SHA2, [caching_sha2::DONE]) => Ok(()),
            (CACHING_SHA2, [caching_sha2::SEND_PASSWORD]) if self.confidential => {
                channel.send(&self.clear_password()).await
            }
            (CACHING_SHA2, [caching_sha2::SEND_PASSWORD]) => channel.send(&[caching_sha2::ASK_FOR_KEY]).await,
            // All that is longer is the key we asked for.
            (CACHING_SHA2 | SHA256, key) if key.len() > 1 && !self.confidential => {
                let encrypted = encrypt(&self.clear_password(), nonce, key).ok_or(WireError::PublicKey)?;
                channel.send(&encrypted).await
            }
            _ => Err(UNEXPECTED),
        }
    }

    fn clear_password(&self) -> Vec<u8> {
        [self.login.password.expose_secret().as_bytes(), &[0]].concat()
    }
}

const STEPS_MAX: usize = 8;
const UNEXPECTED: WireError = WireError::Protocol("it sent an unexpected packet while logging in");

/// The method that the account uses, and a nonce for it.
fn switch(request: &[u8]) -> WireResult<(String, Vec<u8>)> {
    let mut cursor = Cursor::new(request);
    // Without a name it means the method of servers before 4.1.
    let Some(method) = cursor.until_zero() else {
        return Err(WireError::AuthMethod("mysql_old_password".to_owned()));
    };
    let mut nonce = cursor.rest().to_vec();
    nonce.truncate(NONCE_BYTES);
    Ok((String::from_utf8_lossy(method).into_owned(), nonce))
}

/// The name as it can stand in a message.
fn printable(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect()
}

/// SHA1(password) ⊕ SHA1(nonce, SHA1(SHA1(password))).
fn native(password: &[u8], nonce: &[u8]) -> Vec<u8> {
    if password.is_empty() {
        return Vec::new();
    }
    let sha1 = |parts: &[&[u8]]| hash(&digest::SHA1_FOR_LEGACY_USE_ONLY, parts);
    let once = sha1(&[password]);
    let twice = sha1(&[once.as_ref()]);
    xor(once.as_ref(), sha1(&[nonce, twice.as_ref()]).as_ref())
}

/// SHA256(password) ⊕ SHA256(SHA256(SHA256(password)), nonce).
fn caching_sha2_digest(password: &[u8], nonce: &[u8]) -> Vec<u8> {
    if password.is_empty() {
        return Vec::new();
    }
    let sha256 = |parts: &[&[u8]]| hash(&digest::SHA256, parts);
    let once = sha256(&[password]);
    let twice = sha256(&[once.as_ref()]);
    xor(once.as_ref(), sha256(&[twice.as_ref(), nonce]).as_ref())
}

fn hash(algorithm: &'static digest::Algorithm, parts: &[&[u8]]) -> Digest {
    let mut context = digest::Context::new(algorithm);
    for part in parts {
        context.update(part);
    }
    context.finish()
}

fn xor(bytes: &[u8], pattern: &[u8]) -> Vec<u8> {
    bytes.iter().zip(pattern.iter().cycle()).map(|(a, b)| a ^ b).collect()
}

/// The password under the server's public key.
fn encrypt(password: &[u8], nonce: &[u8], pem: &[u8]) -> Option<Vec<u8>> {
    if nonce.is_empty() {
        return None;
    }
    let key = SubjectPublicKeyInfoDer::from_pem_slice(pem).ok()?;
    let key = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(&key).ok()?).ok()?;
    let mut encrypted = vec![0; key.ciphertext_size()];
    let len = key.encrypt(&OAEP_SHA1_MGF1SHA1, &xor(password, nonce), &mut encrypted, None).ok()?.len();
    encrypted.truncate(len);
    Some(encrypted)
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::display::hex;

    fn login(password: &str) -> Login {
        Login { password: SecretString::from(password), ..Login::default() }
    }

    #[test]
    fn digests_are_the_known_ones() {
        let nonce = b"\x47\x64\x26\x26\x31\x5a\x2b\x1a\x2b\x4b\x3c\x4f\x40\x1e\x5d\x50\x5d\x6c\x37\x4c";
        let native = native(b"secret", nonce);
        assert_eq!(native.len(), 20);
        // The definition turned round: what the server does to check it.
        let sha1 = |b: &[u8]| digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, b);
        let stored = sha1(sha1(b"secret").as_ref());
        let mask = sha1(&[nonce.as_slice(), stored.as_ref()].concat());
        assert_eq!(sha1(&xor(&native, mask.as_ref())).as_ref(), stored.as_ref());
        assert_eq!(
            hex(&caching_sha2_digest(b"secret", b"12345678901234567890")).len(),
            64,
            "32 bytes whatever the password"
        );
        assert!(super::native(b"", nonce).is_empty() && caching_sha2_digest(b"", nonce).is_empty());
    }

    #[test]
    fn a_password_is_sent_only_where_nobody_can_read_it() {
        let login = login("s3cret");
        for confidential in [false, true] {
            let session = Session { login: &login, confidential };
            for method in [NATIVE, CACHING_SHA2, SHA256, "mysql_clear_password", "dialog"] {
                let answer = session.first_answer(method, &[7; NONCE_BYTES]);
                let clear = answer.data.windows(6).any(|w| w == b"s3cret");
                assert_eq!(clear, confidential && method == SHA256, "{method}");
            }
        }
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        assert!(encrypt(b"s3cret\0", &[1; NONCE_BYTES], b"no key").is_none());
        assert!(encrypt(b"s3cret\0", &[], b"no key").is_none());
        let pem = b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
        assert!(encrypt(b"s3cret\0", &[1; NONCE_BYTES], pem).is_none());
    }
}
