//! Every statement that the real service accepted must parse, whatever becomes of it afterwards.
//! The recorded cases are not part of this repository: where they are missing the test says so and
//! passes.

use std::path::PathBuf;

use crate::parser::parse_script;

fn recorded_cases() -> Option<String> {
    let folder = std::env::var_os("WINDTUNNEL_CONFORMANCE").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance")),
        PathBuf::from,
    );
    let path = folder.join("bigquery/sql.jsonl");
    let text = std::fs::read_to_string(&path);
    if text.is_err() {
        eprintln!("conformance data missing: {}", path.display());
    }
    text.ok()
}

fn with_names(text: &str) -> String {
    text.replace("${DATASET}", "my-project.my_dataset")
        .replace("${DATASET_ID}", "my_dataset")
        .replace("${PROJECT}", "my-project")
        .replace("${GCS_BUCKET}", "my-bucket")
        .replace("${PRINCIPAL}", "user:a@example.com")
        .replace("${OTHER_PRINCIPAL}", "user:b@example.com")
        .replace("${GROUP}", "group:c@example.com")
}

#[test]
fn recorded_statements_parse() {
    let Some(cases) = recorded_cases() else { return };
    let mut failures = Vec::new();
    for line in cases.lines() {
        // The recorder wrote floats that JSON does not have.
        let line = ["-Infinity", "Infinity", "NaN"]
            .iter()
            .fold(line.to_owned(), |line, word| line.replace(&format!(": {word}"), ": null"));
        let case: serde_json::Value = serde_json::from_str(&line).unwrap();
        let message = case["expected"]["error"]["message_sample"].as_str().unwrap_or_default();
        for part in ["setup", "query"] {
            let Some(text) = case[part].as_str() else { continue };
            let text = with_names(text);
            let refused = part == "query" && message.contains("Syntax error");
            match parse_script(&text) {
                Ok(_) if refused => {
                    failures.push(format!("{} parses, but: {message}", case["name"]));
                }
                Err(error) if refused => {
                    let actual = error.text(&text);
                    if actual != message {
                        failures.push(format!("{}: {actual}, not {message}", case["name"]));
                    }
                }
                // Some checks of the analyzer are made when parsing: then the words are the same.
                Err(error) if error.text(&text) != message => {
                    failures.push(format!(
                        "{} {part}: {}\n{text}",
                        case["name"],
                        error.text(&text)
                    ));
                }
                _ => {}
            }
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}
