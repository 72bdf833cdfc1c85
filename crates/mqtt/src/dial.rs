//! The way to a broker, until the first byte of MQTT: socket, TLS, and the password.

use crate::address::Address;
use crate::fault::MqttFault;
use std::path::Path;
use tagwerk_component::Secret;
use tagwerk_env::Stream;
use tagwerk_tls::{Means, Peer, TlsSettings};

/// Largest password file read.
const PASSWORD_BYTES_MAX: u64 = 65_535;

/// Connects; the caller bounds the time.
pub async fn dial(
    means: Means<'_>,
    address: &Address,
    tls: Option<&TlsSettings>,
) -> Result<Box<dyn Stream>, MqttFault> {
    let connected = means.env.net.connect(&address.host, address.port).await;
    let stream = connected.map_err(|error| {
        MqttFault::Passing(format!("cannot connect to the broker at {address}: {error}"))
    })?;
    if !address.tls {
        return Ok(stream);
    }
    let default = TlsSettings::default();
    let peer = Peer { host: &address.host, words: &format!("the broker at {address}") };
    Ok(tagwerk_tls::connect(means, peer, tls.unwrap_or(&default), stream).await?)
}

/// The password, from wherever the settings say it is.
pub fn password(
    means: Means<'_>,
    secret: Option<&Secret>,
    file: Option<&str>,
) -> Result<Option<Vec<u8>>, MqttFault> {
    match (secret, file) {
        (Some(password), _) => {
            let text = means.secrets.get(&password.secret).map_err(MqttFault::Settings)?;
            Ok(Some(text.expose().as_bytes().to_vec()))
        }
        (None, Some(file)) => Ok(Some(read_password(means, file)?)),
        (None, None) => Ok(None),
    }
}

fn read_password(means: Means<'_>, file: &str) -> Result<Vec<u8>, MqttFault> {
    let bytes = means.env.disk.read(Path::new(file), PASSWORD_BYTES_MAX).map_err(|error| {
        MqttFault::Settings(format!("cannot read the password file `{file}`: {error}"))
    })?;
    // An editor ends the file with a new line that is not part of the password.
    let end = bytes.iter().rposition(|b| !matches!(b, b'\n' | b'\r')).map_or(0, |last| last + 1);
    Ok(bytes[..end].to_vec())
}
