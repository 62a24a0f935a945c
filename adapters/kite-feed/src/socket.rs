//! A socket that does not block, in the clear or under TLS.

use crate::config::{FeedError, TlsRoots};
use mio::net::TcpStream;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Result, Write};
use std::sync::Arc;

/// A TCP stream under TLS.
pub(crate) type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// What a WebSocket runs over.
#[derive(Debug)]
pub(crate) enum Socket {
    /// In the clear: this machine alone.
    Plain(TcpStream),
    /// Under TLS.
    Tls(Box<TlsStream>),
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, buffer: &[u8]) -> Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(buffer),
            Self::Tls(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// How servers prove who they are, and whom this one must be.
#[derive(Clone)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Tls {
    /// TLS to `host`, with certificates that `roots` vouches for.
    pub(crate) fn new(host: &str, roots: &TlsRoots) -> std::result::Result<Self, FeedError> {
        let refuse = |why: String| FeedError::Certificate(why);
        let mut store = RootCertStore::empty();
        match roots {
            TlsRoots::Web => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            TlsRoots::Only(certificates) => {
                for der in certificates {
                    store.add(CertificateDer::from(der.clone())).map_err(|why| refuse(why.to_string()))?;
                }
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|why| refuse(why.to_string()))?
            .with_root_certificates(store)
            .with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).map_err(|why| refuse(why.to_string()))?;
        Ok(Self { config: Arc::new(config), name })
    }

    /// Begins a handshake over `stream`.
    pub(crate) fn begin(&self, stream: TcpStream) -> std::result::Result<Box<TlsStream>, rustls::Error> {
        let connection = ClientConnection::new(Arc::clone(&self.config), self.name.clone())?;
        Ok(Box::new(StreamOwned::new(connection, stream)))
    }
}
