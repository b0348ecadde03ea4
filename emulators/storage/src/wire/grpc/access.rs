//! Policies on gRPC.

use windtunnel_protos::storage::{iam, r#type};

use crate::broker::{Binding, BrokerError, Condition, Policy};

pub(super) fn policy(policy: &Policy) -> iam::Policy {
    let condition = |condition: &Condition| r#type::Expr {
        title: condition.title.clone(),
        description: condition.description.clone(),
        expression: condition.expression.clone(),
        location: condition.location.clone(),
    };
    let bindings = policy.bindings.iter().map(|binding| iam::Binding {
        role: binding.role.clone(),
        members: binding.members.clone(),
        condition: binding.condition.as_ref().map(condition),
    });
    iam::Policy {
        version: policy.version,
        bindings: bindings.collect(),
        etag: policy.etag.clone().into(),
        ..iam::Policy::default()
    }
}

pub(super) fn policy_from(policy: iam::Policy) -> Result<Policy, BrokerError> {
    if !policy.audit_configs.is_empty() {
        return Err(BrokerError::Unimplemented("Policy.audit_configs".to_owned()));
    }
    let condition = |condition: r#type::Expr| Condition {
        title: condition.title,
        description: condition.description,
        expression: condition.expression,
        location: condition.location,
    };
    let bindings = policy.bindings.into_iter().map(|binding| Binding {
        role: binding.role,
        members: binding.members,
        condition: binding.condition.map(condition),
    });
    Ok(Policy { version: policy.version, bindings: bindings.collect(), etag: policy.etag.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read_as_they_are_written() {
        let mut expected = Policy::of_new_bucket("p");
        expected.bindings[0].condition =
            Some(Condition { title: "t".to_owned(), ..Condition::default() });
        assert_eq!(policy_from(policy(&expected)).unwrap(), expected);
    }
}
