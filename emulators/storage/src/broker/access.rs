//! Policies of buckets: kept, read back and checked for lost updates, but not enforced; every caller has
//! every permission.

use super::{Broker, BrokerError};
use crate::limits::POLICY_BINDINGS_MAX;

/// Who has which roles on a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// The format: 3 with conditions.
    pub version: i32,
    /// Roles and their members.
    pub bindings: Vec<Binding>,
    /// Differs whenever the policy does; empty in a request skips the check.
    pub etag: Vec<u8>,
}

/// A role and who has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Binding {
    /// The role.
    pub role: String,
    /// Who has it.
    pub members: Vec<String>,
    /// When.
    pub condition: Option<Condition>,
}

/// When a binding applies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condition {
    /// Its name.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// The condition itself, in the Common Expression Language.
    pub expression: String,
    /// Where it is written.
    pub location: String,
}

impl Policy {
    /// What a new bucket has: the project's owners, editors and viewers.
    #[must_use]
    pub fn of_new_bucket(project: &str) -> Self {
        let binding = |role: &str, members: &[&str]| Binding {
            role: format!("roles/storage.{role}"),
            members: members.iter().map(|member| format!("{member}:{project}")).collect(),
            condition: None,
        };
        let mut policy = Self {
            version: 1,
            bindings: vec![
                binding("legacyBucketOwner", &["projectEditor", "projectOwner"]),
                binding("legacyBucketReader", &["projectViewer"]),
                binding("legacyObjectOwner", &["projectEditor", "projectOwner"]),
                binding("legacyObjectReader", &["projectViewer"]),
            ],
            etag: Vec::new(),
        };
        policy.number(1);
        policy
    }

    fn number(&mut self, number: i64) {
        self.etag = vec![0x08];
        super::object::push_varint(&mut self.etag, number);
    }
}

impl Broker {
    /// A bucket's policy.
    ///
    /// # Errors
    /// Unknown bucket.
    pub fn policy(&self, bucket: &str) -> Result<&Policy, BrokerError> {
        Ok(&self.state(bucket)?.policy)
    }

    /// Replaces a bucket's policy.
    ///
    /// # Errors
    /// Unknown bucket, an etag that is not the current one, or a policy that breaks a rule.
    pub fn set_policy(&mut self, bucket: &str, mut policy: Policy) -> Result<&Policy, BrokerError> {
        let state = self.state_mut(bucket)?;
        if !policy.etag.is_empty() && policy.etag != state.policy.etag {
            return Err(BrokerError::Precondition);
        }
        if policy.bindings.len() > POLICY_BINDINGS_MAX {
            let text = format!("A policy has at most {POLICY_BINDINGS_MAX} bindings.");
            return Err(BrokerError::Invalid(text));
        }
        if policy.bindings.iter().any(|binding| binding.role.is_empty()) {
            return Err(BrokerError::Invalid("A binding must have a role.".to_owned()));
        }
        let is_conditional = policy.bindings.iter().any(|binding| binding.condition.is_some());
        if is_conditional && policy.version != 3 {
            let text = "A policy with conditions must be of version 3.".to_owned();
            return Err(BrokerError::Invalid(text));
        }
        policy.version = policy.version.max(1);
        policy.bindings.retain(|binding| !binding.members.is_empty());
        state.policy_number += 1;
        policy.number(state.policy_number);
        state.policy = policy;
        Ok(&state.policy)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::broker;
    use super::*;

    #[test]
    fn a_policy_that_was_changed_in_between_is_not_lost() {
        let mut broker = broker();
        let read = broker.policy("bucket").unwrap().clone();
        let mut wanted = read.clone();
        wanted.bindings.truncate(1);
        let written = broker.set_policy("bucket", wanted.clone()).unwrap().clone();
        assert_ne!(written.etag, read.etag);
        assert_eq!(broker.set_policy("bucket", wanted.clone()), Err(BrokerError::Precondition));
        wanted.etag.clear();
        wanted.bindings[0].condition = Some(Condition::default());
        assert!(matches!(
            broker.set_policy("bucket", wanted.clone()),
            Err(BrokerError::Invalid(_))
        ));
        wanted.version = 3;
        assert_eq!(broker.set_policy("bucket", wanted).unwrap().version, 3);
    }
}
