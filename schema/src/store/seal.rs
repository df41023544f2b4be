//! Sealing of secrets at rest: XChaCha20-Poly1305 under one 32-byte key.

use std::{
    fmt, fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305,
    aead::{Aead as _, Payload},
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{Error, Result};

const FIELD: &str = "database.secret_key";
/// First byte of everything sealed, so that another cipher can be told apart later.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;

/// Seals and unseals secrets under one key. Cheap to clone; the key is never shown.
#[derive(Clone)]
pub struct Sealer(Arc<XChaCha20Poly1305>);

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(…)")
    }
}

impl Sealer {
    /// A sealer from 32 bytes.
    pub fn from_bytes(key: &[u8; KEY_BYTES]) -> Self {
        Self(Arc::new(XChaCha20Poly1305::new(key.into())))
    }

    /// A sealer from 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self> {
        let bytes = hex::decode(text.trim())
            .ok()
            .and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes).ok());
        bytes.map(|bytes| Self::from_bytes(&bytes)).ok_or_else(|| {
            Error::invalid(
                FIELD,
                "must be 32 bytes as 64 hexadecimal digits (`openssl rand -hex 32` makes one)",
            )
        })
    }

    /// A sealer from text as a person configures it: 64 hexadecimal digits, or 32 bytes in base64.
    pub fn from_text(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.len() == 2 * KEY_BYTES {
            return Self::from_hex(text);
        }
        let unpadded = text.trim_end_matches('=');
        let bytes = STANDARD_NO_PAD
            .decode(unpadded)
            .or_else(|_| URL_SAFE_NO_PAD.decode(unpadded))
            .ok()
            .and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes).ok());
        bytes.map(|bytes| Self::from_bytes(&bytes)).ok_or_else(|| {
            Error::invalid(
                FIELD,
                "must be 32 bytes, as 64 hexadecimal digits or in base64 (`openssl rand -hex 32` makes one)",
            )
        })
    }

    /// A sealer from a key file. A missing file is made with a new random key, readable by its owner alone;
    /// one that others can read is refused.
    pub fn from_key_file(path: &Path) -> Result<Self> {
        if !path.exists() {
            create_key_file(path)?;
        }
        refuse_wide_permissions(path)?;
        let text = fs::read_to_string(path).map_err(|error| {
            Error::invalid(FIELD, format!("{} cannot be read: {error}", path.display()))
        })?;
        Self::from_text(&text).map_err(|_| {
            Error::invalid(
                FIELD,
                format!(
                    "{} does not hold 32 bytes as 64 hexadecimal digits; restore the file, \
                     or remove it to start with a new key (stored passwords are lost)",
                    path.display()
                ),
            )
        })
    }

    /// Seals `secret`. `place` says where it belongs; what was sealed for one place does not open at another.
    pub(super) fn seal(&self, place: &str, secret: &[u8]) -> Result<Vec<u8>> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let sealed = self
            .0
            .encrypt(
                (&nonce).into(),
                Payload {
                    msg: secret,
                    aad: place.as_bytes(),
                },
            )
            .map_err(|_| Error::internal("sealing a secret", "the cipher refused"))?;
        Ok([&[VERSION], nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`Sealer::seal`] made for the same place; `None` if the key is another one or a byte changed.
    pub(super) fn unseal(&self, place: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (version, rest) = sealed.split_first()?;
        if *version != VERSION {
            return None;
        }
        let (nonce, text) = rest.split_first_chunk::<NONCE_BYTES>()?;
        self.0
            .decrypt(
                nonce.into(),
                Payload {
                    msg: text,
                    aad: place.as_bytes(),
                },
            )
            .ok()
    }

    /// Seals a password; an empty one is kept as none.
    pub(super) fn seal_password(
        &self,
        datasource: &str,
        password: &SecretString,
    ) -> Result<Option<Vec<u8>>> {
        let text = password.expose_secret();
        if text.is_empty() {
            return Ok(None);
        }
        self.seal(&password_place(datasource), text.as_bytes())
            .map(Some)
    }

    /// Opens a stored password.
    pub(super) fn unseal_password(
        &self,
        datasource: &str,
        sealed: Option<&[u8]>,
    ) -> Result<SecretString> {
        let Some(sealed) = sealed else {
            return Ok(SecretString::default());
        };
        self.unseal(&password_place(datasource), sealed)
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .map(SecretString::from)
            .ok_or_else(|| {
                Error::invalid(
                    FIELD,
                    format!(
                        "the stored password of the datasource '{datasource}' does not open with this key; \
                         use the key it was stored under, or delete the datasource and add it again"
                    ),
                )
            })
    }
}

/// The error of a store whose secrets were sealed under another key.
pub(super) fn wrong_key() -> Error {
    Error::invalid(
        FIELD,
        "is not the key this store was made with; restore the key file that belongs to the database, \
         or set TIDEGATE_SECRET_KEY to that key",
    )
}

fn password_place(datasource: &str) -> String {
    format!("datasources/{datasource}/password")
}

/// Makes the file whole or not at all: written beside, then linked into place, so that two processes that start
/// together agree on one key.
fn create_key_file(path: &Path) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::invalid(FIELD, format!("{} cannot be made: {error}", path.display()))
    };
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", uuid::Uuid::new_v4().simple()));
    let beside = PathBuf::from(beside);
    let key: [u8; KEY_BYTES] = rand::random();
    let written = private_file(&beside).and_then(|mut file| {
        writeln!(file, "{}", hex::encode(key))?;
        file.sync_all()?;
        fs::hard_link(&beside, path)?;
        sync_folder(path)
    });
    // Nothing to say if it is gone already.
    let _ = fs::remove_file(&beside);
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(failed(error)),
        _ => Ok(()),
    }
}

/// A file's name survives a loss of power once its folder is written; the store is useless without its key.
#[cfg(unix)]
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

/// A new file that only its owner can read; fails if there is one.
pub(super) fn private_file(path: &Path) -> std::io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(unix)]
fn refuse_wide_permissions(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = fs::metadata(path)
        .map_err(|error| {
            Error::invalid(FIELD, format!("{} cannot be read: {error}", path.display()))
        })?
        .permissions()
        .mode();
    // No bit for group or others.
    if mode.trailing_zeros() >= 6 {
        return Ok(());
    }
    Err(Error::invalid(
        FIELD,
        format!(
            "{path} can be read by others (mode {mode:04o}); run `chmod 600 {path}`",
            path = path.display(),
            mode = mode & 0o7777
        ),
    ))
}

#[cfg(not(unix))]
fn refuse_wide_permissions(_path: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_only_with_its_key_at_its_place_and_unchanged() {
        let sealer = Sealer::from_bytes(&[7; 32]);
        let sealed = sealer.seal("here", b"tide").expect("seals");
        assert_eq!(
            sealer.unseal("here", &sealed).as_deref(),
            Some(b"tide".as_slice())
        );
        assert_eq!(sealer.unseal("there", &sealed), None);
        assert_eq!(Sealer::from_bytes(&[8; 32]).unseal("here", &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(sealer.unseal("here", &changed), None, "byte {at}");
            assert_eq!(sealer.unseal("here", &sealed[..at]), None, "cut at {at}");
        }
        assert_ne!(
            sealed,
            sealer.seal("here", b"tide").expect("seals"),
            "nonces are never used twice"
        );
    }

    #[test]
    fn keys_are_read_as_hex_and_base64() {
        let hex = hex::encode([0xfb; 32]);
        let sealed = Sealer::from_bytes(&[0xfb; 32])
            .seal("here", b"tide")
            .expect("seals");
        let base64 = base64::engine::general_purpose::STANDARD.encode([0xfb; 32]);
        let url_safe = URL_SAFE_NO_PAD.encode([0xfb; 32]);
        assert_ne!(base64.trim_end_matches('='), url_safe);
        for text in [hex.as_str(), &format!(" {hex}\n"), &base64, &url_safe] {
            let sealer = Sealer::from_text(text).expect("a key");
            assert!(sealer.unseal("here", &sealed).is_some(), "{text}");
        }
        for text in ["", "abc", &hex[1..], &base64[4..], "zz"] {
            let error = Sealer::from_text(text).expect_err("no key").to_string();
            assert!(
                error.starts_with("database.secret_key: must be 32 bytes"),
                "{error}"
            );
        }
        assert!(Sealer::from_hex(&base64).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_is_made_once_and_kept_private() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep").join("secret.key");
        let sealed = Sealer::from_key_file(&path)
            .expect("made")
            .seal("here", b"tide")
            .expect("seals");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            fs::read_dir(folder.path().join("deep"))
                .expect("a folder")
                .count(),
            1,
            "nothing left beside"
        );
        assert!(
            Sealer::from_key_file(&path)
                .expect("read")
                .unseal("here", &sealed)
                .is_some()
        );

        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("widened");
        let error = Sealer::from_key_file(&path)
            .expect_err("refused")
            .to_string();
        assert!(
            error.contains("0644") && error.contains("chmod 600"),
            "{error}"
        );

        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("narrowed");
        fs::write(&path, "half").expect("written");
        let error = Sealer::from_key_file(&path)
            .expect_err("refused")
            .to_string();
        assert!(error.contains("restore the file"), "{error}");
    }

    #[test]
    fn two_that_start_together_agree_on_one_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret.key");
        let sealers: Vec<Sealer> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| Sealer::from_key_file(&path).expect("a key")))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("ran"))
                .collect()
        });
        let sealed = sealers[0].seal("here", b"tide").expect("seals");
        assert!(
            sealers
                .iter()
                .all(|sealer| sealer.unseal("here", &sealed).is_some())
        );
    }
}
