//! AWS behind TLS: the functions' connections end here, and what they carry goes on in the clear.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What happened on the wire.
#[derive(Debug, Default, Clone, Copy)]
pub struct Wire {
    /// How many connections were opened.
    pub connections: usize,
    /// When the last one was.
    pub opened: Option<Instant>,
    /// When the last bytes went back to the function.
    pub answered: Option<Instant>,
}

/// A TLS server in front of a plain one.
pub struct Front {
    /// Where it is.
    pub url: String,
    wire: Arc<Mutex<Wire>>,
    cut: watch::Sender<u32>,
}

impl Front {
    /// Starts one in front of the plain server at `address` (host and port).
    pub async fn start(certificates: &Certificates, address: &str) -> Self {
        let chain = vec![CertificateDer::from_pem_file(certificates.folder.join("leaf.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(certificates.folder.join("leaf.key")).unwrap();
        let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
        // Every handshake is a whole one, as after a cold start.
        config.send_tls13_tickets = 0;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let wire = Arc::<Mutex<Wire>>::default();
        let (cut, when_cut) = watch::channel(0);
        let (address, noted) = (address.to_owned(), wire.clone());
        #[expect(clippy::disallowed_methods, reason = "a server of this program")]
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                {
                    let mut wire = noted.lock().unwrap();
                    wire.connections += 1;
                    wire.opened = Some(Instant::now());
                }
                let (acceptor, address, noted) = (acceptor.clone(), address.clone(), noted.clone());
                let mut when_cut = when_cut.clone();
                when_cut.mark_unchanged();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = carry(acceptor, stream, address, noted) => {}
                        _ = when_cut.changed() => {}
                    }
                });
            }
        });
        Self { url, wire, cut }
    }

    /// What happened so far.
    pub fn wire(&self) -> Wire {
        *self.wire.lock().unwrap()
    }

    /// Closes all connections.
    pub fn cut(&self) {
        self.cut.send_modify(|times| *times += 1);
    }
}

async fn carry(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    address: String,
    noted: Arc<Mutex<Wire>>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut function = acceptor.accept(stream).await?;
    let mut engine = TcpStream::connect(address).await?;
    engine.set_nodelay(true)?;
    let (mut up, mut down) = (vec![0; 65536], vec![0; 65536]);
    loop {
        tokio::select! {
            read = function.read(&mut up) => match read? {
                0 => return Ok(()),
                length => engine.write_all(&up[..length]).await?,
            },
            read = engine.read(&mut down) => match read? {
                0 => return function.shutdown().await,
                length => {
                    function.write_all(&down[..length]).await?;
                    function.flush().await?;
                    noted.lock().unwrap().answered = Some(Instant::now());
                }
            },
        }
    }
}

/// A certificate for `localhost`, its authority, and the authorities that functions trust with that one among them.
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes them in `folder`, with the `openssl` program.
    pub fn make(folder: &Path) -> Result<Self, String> {
        std::fs::create_dir_all(folder).map_err(|e| e.to_string())?;
        let openssl = |arguments: &str| {
            let mut command = Command::new("openssl");
            command.args(arguments.split(' ')).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
            match command.status() {
                Ok(status) if status.success() => Ok(()),
                Ok(_) => Err(format!("openssl {arguments} failed")),
                Err(error) => Err(format!("there is no openssl: {error}")),
            }
        };
        std::fs::write(folder.join("leaf.ext"), "subjectAltName=DNS:localhost\n").map_err(|e| e.to_string())?;
        openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=greenroom-bench")?;
        openssl("req -newkey rsa:2048 -nodes -keyout leaf.key -out leaf.csr -subj /CN=localhost")?;
        openssl(
            "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out leaf.pem -days 30 -extfile leaf.ext",
        )?;
        let amazon = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/kit/src/amazon_roots.pem");
        let mut bundle = std::fs::read_to_string(amazon).map_err(|e| e.to_string())?;
        bundle += &std::fs::read_to_string(folder.join("ca.pem")).map_err(|e| e.to_string())?;
        std::fs::write(folder.join("bundle.pem"), bundle).map_err(|e| e.to_string())?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// The bundle.
    pub fn bundle(&self) -> PathBuf {
        self.folder.join("bundle.pem")
    }
}
