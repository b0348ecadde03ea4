//! The privacy part of a file: `[[privacy.field]]` and `[[privacy.key]]` in a scenario, `[[field]]` and
//! `[[key]]` in a file of its own for `windtunnel pipeline --privacy`. Secrets come from files beside the
//! configuration, or stand in it where they protect nothing but made-up events.

use windtunnel_model::EventTime;
use windtunnel_stages::privacy::{Action, Key, Place, Privacy, PrivacyError, Rule};

use super::read;
use super::reader::{Problem, Reader};

/// Reads a file that holds nothing but privacy.
///
/// # Errors
/// All problems of the file, in the order of their places.
pub fn parse_privacy(file: &str, text: &str) -> Result<Privacy, Vec<Problem>> {
    let (privacy, mut problems) = read(file, text, privacy)?;
    problems.sort_by_key(|problem| (problem.line, problem.column));
    match privacy {
        Some(privacy) if problems.is_empty() => Ok(privacy),
        _ => Err(problems),
    }
}

/// Rules and keys of a table; none when there is a problem, which is reported.
pub(super) fn privacy(reader: &mut Reader<'_, '_>) -> Option<Privacy> {
    let rules = reader.tables("field", rule);
    let keys = reader.tables("key", key);
    if rules.is_empty() {
        reader.problem_here("no [[field]]: nothing would be redacted".to_owned());
        return None;
    }
    let places: (Vec<usize>, Vec<usize>) = (
        rules.iter().flatten().map(|(_, at)| *at).collect(),
        keys.iter().flatten().map(|(_, at)| *at).collect(),
    );
    let all = rules.len() == places.0.len() && keys.len() == places.1.len();
    if !all {
        // What is missing was reported where it stands.
        return None;
    }
    let rules = rules.into_iter().flatten().map(|(rule, _)| rule).collect();
    let keys = keys.into_iter().flatten().map(|(key, _)| key).collect();
    match Privacy::new(rules, keys) {
        Ok(privacy) => Some(privacy),
        Err(error) => {
            let at = match &error {
                PrivacyError::EmptyPath(rule)
                | PrivacyError::CannotBeHashed { rule, .. }
                | PrivacyError::CannotBeDropped { rule, .. } => places.0.get(*rule).copied(),
                PrivacyError::KeyOrder(key) => places.1.get(*key).copied(),
                PrivacyError::NoKey | PrivacyError::TooManyRules => None,
            };
            match at {
                Some(at) => reader.problem(at, error.to_string()),
                None => reader.problem_here(error.to_string()),
            }
            None
        }
    }
}

/// A rule, and where its place stands.
fn rule(reader: &mut Reader<'_, '_>) -> Option<(Rule, usize)> {
    let field = reader.placed_text("path");
    let attribute = reader.placed_text("attribute");
    let actions = [("hash", Action::Hash), ("drop", Action::Drop)];
    let action = reader.choice("action", &actions);
    if action.is_none() && !reader.has("action") {
        reader.problem_here("action is missing: \"hash\" or \"drop\"".to_owned());
    }
    let (place, at) = match (field, attribute) {
        (Some((path, at)), None) => {
            let path = path.strip_prefix("$.").unwrap_or(&path);
            let names = path.split('.').map(str::to_owned).collect();
            (Place::Field(names), at)
        }
        (None, Some((name, at))) => (Place::Attribute(name), at),
        (Some((_, at)), Some(_)) => {
            reader.problem(at, "either path or attribute, not both".to_owned());
            return None;
        }
        (None, None) => {
            if !reader.has("path") && !reader.has("attribute") {
                let message = "path of a field or name of an attribute is missing";
                reader.problem_here(message.to_owned());
            }
            return None;
        }
    };
    Some((Rule { place, action: action? }, at))
}

/// A key, and where it stands.
fn key(reader: &mut Reader<'_, '_>) -> Option<(Key, usize)> {
    let id = reader.placed_text("id");
    let from = reader.time("from").unwrap_or(EventTime::MIN);
    let secret = reader.placed_text("secret");
    let file = reader.placed_text("secret_file");
    let Some((id, at)) = id else {
        if !reader.has("id") {
            reader.problem_here("id is missing: it stands before every hash".to_owned());
        }
        return None;
    };
    let secret = match (secret, file) {
        (Some((secret, at)), None) => (secret.into_bytes(), at),
        (None, Some((file, at))) => match std::fs::read(&file) {
            Ok(secret) => (secret.trim_ascii().to_owned(), at),
            Err(error) => {
                reader.problem(at, format!("cannot read {file}: {error}"));
                return None;
            }
        },
        _ => {
            reader.problem(at, "either secret or secret_file is needed".to_owned());
            return None;
        }
    };
    match Key::new(&id, from, &secret.0) {
        Ok(key) => Some((key, at)),
        Err(error) => {
            let at = if error == windtunnel_stages::privacy::KeyError::Id { at } else { secret.1 };
            reader.problem(at, error.to_string());
            None
        }
    }
}
