//! The first packets of a connection.

use super::channel::Channel;
use super::cursor::{Cursor, put_block};
use super::packet::capability;
use super::tls::{Tls, TlsMode};
use super::{WireError, WireResult, auth};
use crate::mysql::login::Login;

/// The largest packet that we say we take; the protocol's own limit.
const PACKET_BYTES_MAX: u32 = 1 << 30;
/// utf8mb4_general_ci, which every server knows. The session settles the rest.
const COLLATION: u8 = 45;
const PROTOCOL_VERSION: u8 = 10;

/// What the server says first.
struct Greeting {
    capabilities: u32,
    nonce: Vec<u8>,
    auth_method: String,
}

/// What the two ends agreed on.
#[derive(Debug, Clone, Copy)]
pub(in crate::mysql) struct Agreement {
    pub(in crate::mysql) deprecate_eof: bool,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy)]
pub(in crate::mysql) struct Purpose<'a> {
    /// Capabilities that it needs beside those that every connection has.
    pub(in crate::mysql) capabilities: u32,
    /// What the server shows as the name of the program.
    pub(in crate::mysql) program: &'a str,
}

impl Purpose<'_> {
    pub(in crate::mysql) const READING: Self = Self { capabilities: 0, program: "switchback" };
}

/// Greets, goes over to TLS as `tls` wants it, and logs in. `local` is a socket
/// of this machine, which nobody can listen to.
pub(in crate::mysql) async fn shake_hands(
    channel: &mut Channel,
    login: &Login,
    tls: &Tls,
    local: bool,
    purpose: Purpose<'_>,
) -> WireResult<Agreement> {
    let greeting = Greeting::parse(&channel.receive().await?)?;
    let required = REQUIRED | purpose.capabilities;
    let mut wanted = WANTED & greeting.capabilities | required;
    if greeting.capabilities & required != required {
        return Err(WireError::Protocol("the server is too old"));
    }
    let offered = greeting.capabilities & capability::SSL != 0;
    let secure = match tls.mode {
        TlsMode::Disabled => false,
        TlsMode::Preferred => offered && !local,
        TlsMode::Required | TlsMode::VerifyCa | TlsMode::VerifyIdentity => {
            if !offered {
                return Err(WireError::NoTls);
            }
            true
        }
    };
    if secure {
        wanted |= capability::SSL;
        channel.send(&opening(wanted)).await?;
        channel.upgrade(|plain| tls.secure(plain)).await?;
    }
    let session = auth::Session { login, confidential: secure || local };
    let answer = session.first_answer(&greeting.auth_method, &greeting.nonce);
    channel.send(&response(wanted, login, &answer, purpose.program)).await?;
    session.finish(channel, &greeting.nonce, &greeting.auth_method).await?;
    Ok(Agreement { deprecate_eof: wanted & capability::DEPRECATE_EOF != 0 })
}

const REQUIRED: u32 = capability::PROTOCOL_41
    | capability::SECURE_CONNECTION
    | capability::PLUGIN_AUTH
    | capability::CONNECT_WITH_DB
    | capability::TRANSACTIONS;

/// LOCAL INFILE is not among them, so that no server can make use of it; nor are
/// several statements at once, which only a writing session asks for: where
/// row filters go, there must be one.
const WANTED: u32 = capability::LONG_PASSWORD
    | capability::LONG_FLAG
    | capability::CONNECT_ATTRS
    | capability::PLUGIN_AUTH_LENENC
    | capability::DEPRECATE_EOF;

impl Greeting {
    fn parse(packet: &[u8]) -> WireResult<Self> {
        Self::read(packet).ok_or(WireError::Protocol("this is not the greeting of a MySQL server"))
    }

    fn read(packet: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(packet);
        if cursor.byte()? != PROTOCOL_VERSION {
            return None;
        }
        // Version and connection number: both are asked for in SQL later.
        cursor.until_zero()?;
        cursor.u32()?;
        let mut nonce = cursor.take(8)?.to_vec();
        cursor.take(1)?;
        let low = cursor.u16()?;
        // Collation and status.
        cursor.take(1 + 2)?;
        let high = cursor.u16()?;
        let capabilities = u32::from(low) | u32::from(high) << 16;
        let nonce_len = usize::from(cursor.byte()?);
        cursor.take(10)?;
        if capabilities & capability::SECURE_CONNECTION != 0 {
            nonce.extend_from_slice(cursor.take(nonce_len.saturating_sub(8).max(13))?);
        }
        // 20 bytes and a zero.
        nonce.resize(auth::NONCE_BYTES, 0);
        let name = cursor.rest();
        let name = name.strip_suffix(&[0]).unwrap_or(name);
        Some(Self { capabilities, nonce, auth_method: String::from_utf8_lossy(name).into_owned() })
    }
}

/// What the response begins with, and all that is said before TLS.
fn opening(capabilities: u32) -> Vec<u8> {
    let mut packet = capabilities.to_le_bytes().to_vec();
    packet.extend_from_slice(&PACKET_BYTES_MAX.to_le_bytes());
    packet.push(COLLATION);
    packet.extend_from_slice(&[0; 23]);
    packet
}

fn response(capabilities: u32, login: &Login, answer: &auth::Answer, program: &str) -> Vec<u8> {
    let mut packet = opening(capabilities);
    packet.extend_from_slice(login.user.as_bytes());
    packet.push(0);
    if capabilities & capability::PLUGIN_AUTH_LENENC != 0 {
        put_block(&mut packet, &answer.data);
    } else {
        // No method's first answer is longer than this byte can say.
        packet.push(u8::try_from(answer.data.len()).unwrap_or(0));
        packet.extend_from_slice(&answer.data);
    }
    packet.extend_from_slice(login.database.as_bytes());
    packet.push(0);
    packet.extend_from_slice(answer.method.as_bytes());
    packet.push(0);
    if capabilities & capability::CONNECT_ATTRS != 0 {
        let mut attributes = Vec::new();
        for text in ["program_name", program, "_client_version", env!("CARGO_PKG_VERSION")] {
            put_block(&mut attributes, text.as_bytes());
        }
        put_block(&mut packet, &attributes);
    }
    packet
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn greetings_of_both_servers_are_read() {
        let mut packet = b"\x0A5.5.5-10.11.19-MariaDB\0\x07\0\0\0".to_vec();
        packet.extend_from_slice(b"12345678\0\xFE\xF7\x08\x02\0\xFF\x81\x15");
        packet.extend_from_slice(&[0; 10]);
        packet.extend_from_slice(b"abcdefghijkl\0mysql_native_password\0");
        let greeting = Greeting::parse(&packet).unwrap();
        assert_eq!(greeting.nonce, b"12345678abcdefghijkl");
        assert_eq!(greeting.auth_method, "mysql_native_password");
        assert_eq!(greeting.capabilities & REQUIRED, REQUIRED);
        for cut in 0..packet.len() - 24 {
            assert!(Greeting::parse(&packet[..cut]).is_err(), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn no_greeting_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = Greeting::parse(&bytes);
            let _ = Greeting::parse(&[&[PROTOCOL_VERSION], bytes.as_slice()].concat());
        }
    }
}
