//! stub
use crate::error::{Result,SqlError};
pub(crate) fn parse(text:&str)->Result<serde_json::Value>{serde_json::from_str(text).map_err(|e|SqlError::evaluation(e.to_string()))}
