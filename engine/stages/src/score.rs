//! The scorer (lands next).
