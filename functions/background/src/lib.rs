//! What serves every area: the relay from the table's stream to the queues, the schedule behind it, the proof of the ledger and the
//! age of the providers' keys. Everything here may run twice, late and in any order.

pub mod check_secrets;
mod queues;
pub mod reconcile_ledger;
pub mod redrive_outbox;
pub mod relay_outbox;

/// The functions of this area.
pub fn functions() -> Vec<kit::Function> {
    kit::functions![relay_outbox::task(), redrive_outbox::task(), reconcile_ledger::task(), check_secrets::task()]
}

#[cfg(test)]
mod stage;
