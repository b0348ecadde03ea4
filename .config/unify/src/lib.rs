//! Fixes the features of every dependency; holds no code.
