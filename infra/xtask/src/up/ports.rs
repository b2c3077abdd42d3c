//! The emulator's port: the same as last time where it is free, so that URLs stay what they were.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};

use crate::failure::{Failure, Outcome};
use crate::settings::Settings;

const USUAL: u16 = 4566;

/// Chooses a free port and remembers it with the stack's data.
pub fn choose(settings: &Settings) -> Outcome<u16> {
    let file = settings.data.join("port");
    let port = match settings.port {
        Some(port) if is_free(port) => port,
        Some(port) => {
            return Err(Failure::new(format!(
                "port {port} is in use: set GREENROOM_PORT to a free one, or leave it out"
            )));
        }
        None => {
            // A kept port is a convenience: a file that cannot be read is as good as none.
            let last = fs::read_to_string(&file).ok().and_then(|text| text.parse().ok()).unwrap_or(USUAL);
            free(&[last, USUAL])?
        }
    };
    fs::write(&file, port.to_string()).map_err(|error| Failure::file(&file, &error))?;
    Ok(port)
}

/// The first of the wished ports that is free, else any.
pub fn free(wishes: &[u16]) -> Outcome<u16> {
    if let Some(port) = wishes.iter().find(|port| **port > 0 && is_free(**port)) {
        return Ok(*port);
    }
    let any = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    any.map(|address| address.port()).map_err(|error| Failure::new(format!("no free port: {error}")))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_passed_over() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert!(!is_free(port));
        assert_ne!(free(&[port]).unwrap(), port);
        assert_ne!(free(&[0]).unwrap(), 0);
    }
}
