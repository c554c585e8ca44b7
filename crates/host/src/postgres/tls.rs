//! TLS for connections to databases: for `sslmode=require`, and for `prefer`, which is the default.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::wit::Error;

/// A certificate to trust in addition to the usual roots, as PEM text. It is part of the key of a pool.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct RootCertificate {
    pem: String,
}

impl RootCertificate {
    /// Reads the first certificate of a PEM text.
    pub(super) fn parse(pem: String) -> Result<Self, Error> {
        trusting(Some(&pem)).map_err(|reason| Error::Other(format!("invalid root certificate: {reason}")))?;
        Ok(Self { pem })
    }
}

/// The connector for TLS.
pub(super) fn connector(root: Option<&RootCertificate>) -> Result<MakeRustlsConnect, Error> {
    let roots = trusting(root.map(|root| root.pem.as_str())).map_err(Error::Other)?;
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Other(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn trusting(pem: Option<&str>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(pem) = pem {
        let certificate =
            CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    Ok(roots)
}
