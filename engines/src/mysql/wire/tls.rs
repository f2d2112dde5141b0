//! Which server we trust, in the words of MySQL's own clients.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor};
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error as RustlsError, RootCertStore, SignatureScheme};

use super::channel::Stream;
use super::{WireError, WireResult};
use crate::error::{Error, Result};

/// `ssl-mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::mysql) enum TlsMode {
    /// Never.
    Disabled,
    /// If the server offers it, without asking who it is.
    #[default]
    Preferred,
    /// Always, without asking who it is.
    Required,
    /// The certificate must come from the given authority.
    VerifyCa,
    /// And it must be this host's.
    VerifyIdentity,
}

impl TlsMode {
    /// Reads `verify_ca`, `VERIFY-CA` and so on.
    pub(in crate::mysql) fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().replace('-', "_").as_str() {
            "disabled" => Self::Disabled,
            "preferred" => Self::Preferred,
            "required" => Self::Required,
            "verify_ca" => Self::VerifyCa,
            "verify_identity" => Self::VerifyIdentity,
            _ => return None,
        })
    }

    fn verifies(self) -> bool {
        match self {
            Self::VerifyCa | Self::VerifyIdentity => true,
            Self::Disabled | Self::Preferred | Self::Required => false,
        }
    }
}

/// How to make a connection to one server confidential.
#[derive(Clone)]
pub(in crate::mysql) struct Tls {
    pub(in crate::mysql) mode: TlsMode,
    connector: TlsConnector,
    name: Option<ServerName<'static>>,
}

impl Tls {
    /// `authorities` is a file of certificates in PEM.
    pub(in crate::mysql) fn new(mode: TlsMode, authorities: Option<&Path>, host: &str) -> Result<Self> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match (mode.verifies(), authorities) {
            (true, None) => {
                return Err(Error::Url {
                    why: "its ssl-mode verifies the server, but no authority is given".to_owned(),
                    hint: "add ssl-ca=FILE, a file of certificates in PEM",
                });
            }
            (true, Some(file)) => {
                let roots = Arc::new(roots(file)?);
                match mode {
                    TlsMode::VerifyIdentity => {
                        WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
                            .build()
                            .map_err(|_| unusable())?
                    }
                    TlsMode::Disabled | TlsMode::Preferred | TlsMode::Required | TlsMode::VerifyCa => {
                        Arc::new(AnyName { roots: Some(roots), provider: Arc::clone(&provider) })
                    }
                }
            }
            (false, _) => Arc::new(AnyName { roots: None, provider: Arc::clone(&provider) }),
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| unusable())?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).ok();
        Ok(Self { mode, connector: TlsConnector::from(Arc::new(config)), name })
    }

    pub(in crate::mysql) async fn secure(&self, plain: Box<dyn Stream>) -> WireResult<Box<dyn Stream>> {
        let name = self.name.clone().ok_or_else(|| {
            WireError::Tls(std::io::Error::new(
                std::io::ErrorKind::InvalidInput,
                "the host's name cannot be in a certificate",
            ))
        })?;
        let secure = self.connector.connect(name, plain).await.map_err(WireError::Tls)?;
        Ok(Box::new(secure))
    }
}

fn roots(file: &Path) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file).map_err(|_| unusable())?;
    for certificate in certificates {
        roots.add(certificate.map_err(|_| unusable())?).map_err(|_| unusable())?;
    }
    if roots.is_empty() { Err(unusable()) } else { Ok(roots) }
}

fn unusable() -> Error {
    Error::Url {
        why: "the certificates of ssl-ca cannot be used".to_owned(),
        hint: "ssl-ca names a readable file with at least one certificate in PEM",
    }
}

/// Checks that the server holds the key of the certificate it shows; and, with
/// `roots`, that one of them vouches for it. Not whose certificate it is.
#[derive(Debug)]
struct AnyName {
    roots: Option<Arc<RootCertStore>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, RustlsError> {
        if let Some(roots) = &self.roots {
            let algorithms = self.provider.signature_verification_algorithms.all;
            let certificate = ParsedCertificate::try_from(end_entity)?;
            verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
