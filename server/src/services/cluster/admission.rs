//! Who may take part: whoever has the cluster's key, whoever has an API key that may, and, where no key is in force,
//! whoever is on the same machine.

use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use tidegate_schema::{
    Error, Result,
    model::{Act, Caller},
};

use super::Cluster;

/// Under which name processes of the cluster call.
const PEER: &str = "cluster";

/// Another process, or whoever acts as one.
#[derive(Debug, Clone)]
pub struct Peer {
    /// What it may ask.
    pub caller: Caller,
    /// Whether it may register instances.
    registers: bool,
}

impl Peer {
    /// One that may do everything.
    fn trusted() -> Self {
        Self {
            caller: Caller::open(PEER),
            registers: true,
        }
    }

    /// One without a key where keys are in force: it may ask and register, and manage nothing.
    fn keyless() -> Self {
        Self {
            caller: Caller {
                acts: vec![Act::Ask],
                ..Caller::open(PEER)
            },
            registers: true,
        }
    }

    pub(super) fn may_register(&self) -> Result<()> {
        if self.registers {
            return Ok(());
        }
        Err(Error::Forbidden {
            reason:
                "this key may not register workers; send cluster.key, or a key made with `--admin`"
                    .to_owned(),
        })
    }
}

impl Cluster<'_> {
    /// Who presents this bearer token, or none, over a listener that is on loopback or not.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] with the remedy.
    pub async fn admit(&self, bearer: Option<&str>, loopback: bool) -> Result<Peer> {
        let settings = &self.0.config.cluster;
        let key = settings.key.expose_secret();
        if let Some(token) = bearer
            && !key.is_empty()
            && same(token, key)
        {
            return Ok(Peer::trusted());
        }
        let keys = self.0.keys().in_use().await?;
        if keys && bearer.is_some() {
            match self.0.keys().identify(bearer, Some(PEER), loopback).await {
                Ok(caller) => {
                    let registers = caller.may(Act::ManageDatasources).is_ok();
                    return Ok(Peer { caller, registers });
                }
                // Keyless ones may send whatever they are used to.
                Err(Error::Unauthenticated { .. }) if settings.open => {}
                Err(error) => return Err(error),
            }
        }
        if !keys && (loopback || (self.0.config.server.open && key.is_empty())) {
            return Ok(Peer::trusted());
        }
        if settings.open {
            return Ok(Peer::keyless());
        }
        Err(Error::Unauthenticated {
            reason: "processes of the cluster need its key: set cluster.key to the same on all of them, or let those \
                     without a key in with cluster.open = true"
                .to_owned(),
        })
    }
}

/// Whether two secrets are the same, in a time that tells nothing of where they differ.
fn same(one: &str, other: &str) -> bool {
    Sha256::digest(one.as_bytes()) == Sha256::digest(other.as_bytes())
}
