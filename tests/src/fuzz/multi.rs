//! The engine, driven by a script of the swarm.

use crate::swarm::{self, Bytes};

/// A case is the choices that make a script of the [swarm](crate::swarm): an engine, a network with
/// its faults, transfers, and a list of operations.
///
/// What must hold is what must hold for the swarm: after each call the model agrees, and when the
/// faults have ended every transfer ends, with one message.
pub fn multi(bytes: &[u8]) {
    let script = swarm::script(&mut Bytes(bytes));
    if let Err(failure) = swarm::attempt(&script) {
        panic!("{}\n{script:?}", failure.why);
    }
}
