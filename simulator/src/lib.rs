//! Seeded devices, visitors, arrivals, disorder and the ledger; does not know the engine.
