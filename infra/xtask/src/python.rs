//! Virtual environments with pinned packages, made when first needed and again when their list changes.

use std::fs;
use std::path::PathBuf;

use tokio::process::Command;

use crate::failure::{Failure, Outcome};
use crate::run::{run, try_output};
use crate::{places, settings};

/// A virtual environment that has everything on its list.
#[derive(Clone, Debug)]
pub struct Python {
    folder: PathBuf,
}

impl Python {
    /// The environment with the packages of `infra/local/<list>`.
    pub async fn with(list: &str) -> Outcome<Self> {
        let requirements = places::script(list);
        let wanted = fs::read_to_string(&requirements).map_err(|error| Failure::file(&requirements, &error))?;
        let python = Self { folder: places::greenroom().join(format!("venv-{}", list.trim_end_matches(".txt"))) };
        places::make(&places::greenroom())?;

        // Two commands may need the same environment at the same time.
        let lock_path = python.folder.with_extension("lock");
        let lock = fs::File::create(&lock_path).map_err(|error| Failure::file(&lock_path, &error))?;
        lock.lock().map_err(|error| Failure::file(&lock_path, &error))?;

        let stamp = python.folder.join("installed.txt");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(python);
        }
        eprintln!("installing the Python packages of infra/local/{list} (once)");
        places::remove(&python.folder)?;
        let interpreter = interpreter().await?;
        run("making a virtual environment", Command::new(interpreter).args(["-m", "venv"]).arg(&python.folder)).await?;
        let mut install = Command::new(python.program("python"));
        install.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "-r"]);
        run("installing Python packages", install.arg(&requirements)).await?;
        fs::write(&stamp, wanted).map_err(|error| Failure::file(&stamp, &error))?;
        Ok(python)
    }

    /// A program of this environment.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// One of our scripts, with as little of the surroundings as it needs.
    pub fn script(&self, name: &str) -> Command {
        let mut command = Command::new(self.program("python"));
        command.arg(places::script(name)).env_clear().envs(surroundings());
        command
    }

    /// `PATH` with this environment's programs first.
    pub fn path(&self) -> String {
        format!("{}:{}", self.folder.join("bin").display(), settings::variable("PATH").unwrap_or_default())
    }
}

/// What programs of a local stack may know of the person's environment: no AWS profile, no variable that changes Python.
/// Proxy and certificates are for those who point a provider's address at the real service.
pub fn surroundings() -> Vec<(String, String)> {
    let kept = ["PATH", "HOME", "LANG", "HTTPS_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "RUST_LOG", "RUST_BACKTRACE"];
    let mut variables: Vec<(String, String)> =
        kept.iter().filter_map(|name| Some(((*name).to_owned(), settings::variable(name)?))).collect();
    variables.push(("NO_PROXY".into(), "127.0.0.1,localhost".into()));
    variables.push(("PYTHONDONTWRITEBYTECODE".into(), "1".into()));
    variables
}

async fn interpreter() -> Outcome<&'static str> {
    const RECENT: &str = "import sys; print(sys.version_info >= (3, 11))";
    for name in ["python3", "python3.11", "python3.12", "python3.13"] {
        if try_output(Command::new(name).args(["-c", RECENT])).await.as_deref() == Some("True") {
            return Ok(name);
        }
    }
    Err(Failure::new("Python 3.11 or newer is needed and was not found as python3"))
}
