//! The shapes of trees.
