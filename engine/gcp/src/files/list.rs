//! What a job's inputs stand for: objects and files by name, by pattern, by manifest. The order is that of
//! the names, so that every run meets them alike.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use glob::{MatchOptions, Pattern};
use google_cloud_gax::error::rpc::Code;
use google_cloud_gax::paginator::ItemPaginator as _;
use google_cloud_storage::client::{Storage, StorageControl};
use google_cloud_storage::model::Object;
use windtunnel_model::EventTime;

use crate::checkpoints::is;

/// How names are matched: `*` stays within a folder, `**` does not.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// A file to read.
#[derive(Debug, Clone)]
pub(super) struct InputFile {
    /// `gs://bucket/name`, or the path.
    pub(super) object: Arc<str>,
    /// The object's generation; of a file on disk when it was changed and how long it is.
    pub(super) generation: i64,
    pub(super) created: EventTime,
    pub(super) place: Place,
}

#[derive(Debug, Clone)]
pub(super) enum Place {
    Disk(PathBuf),
    Bucket { bucket: String, name: String },
}

/// Why an input stands for nothing.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// No pattern.
    #[error("input `{input}`: {reason}")]
    Pattern {
        /// The input.
        input: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The bucket, the folder or the manifest cannot be read.
    #[error("input `{input}` cannot be listed: {reason}")]
    Unreadable {
        /// The input.
        input: String,
        /// The service's or the system's words.
        reason: String,
    },
    /// Nothing has this name.
    #[error("input `{0}`: there is no such file")]
    Missing(String),
}

/// All files that inputs stand for, each once. A pattern that fits nothing yet is no error.
pub(super) async fn expand(
    control: &StorageControl,
    storage: &Storage,
    inputs: &[String],
) -> Result<Vec<InputFile>, ListError> {
    let mut files = BTreeMap::new();
    for input in inputs {
        let named = match input.strip_prefix('@') {
            Some(manifest) => manifest_lines(control, storage, manifest).await?,
            None => vec![input.clone()],
        };
        for name in named {
            let found = match name.strip_prefix("gs://") {
                Some(object) => in_bucket(control, &name, object).await?,
                None => on_disk(&name)?,
            };
            files.extend(found.into_iter().map(|file| (Arc::clone(&file.object), file)));
        }
    }
    Ok(files.into_values().collect())
}

/// The lines of a manifest; blank ones and those that begin with `#` name nothing.
async fn manifest_lines(
    control: &StorageControl,
    storage: &Storage,
    manifest: &str,
) -> Result<Vec<String>, ListError> {
    let unreadable = |reason: String| ListError::Unreadable { input: manifest.to_owned(), reason };
    let content = match manifest.strip_prefix("gs://") {
        None => std::fs::read(manifest).map_err(|error| unreadable(error.to_string()))?,
        Some(object) => {
            let found = in_bucket(control, manifest, object).await?;
            let Some(Place::Bucket { bucket, name }) = found.into_iter().next().map(|it| it.place)
            else {
                return Err(ListError::Missing(manifest.to_owned()));
            };
            let bucket = format!("projects/_/buckets/{bucket}");
            let opened = storage.read_object(bucket, name).send().await;
            let mut object = opened.map_err(|error| unreadable(error.to_string()))?;
            let mut content = Vec::new();
            while let Some(chunk) = object.next().await {
                content.extend_from_slice(&chunk.map_err(|error| unreadable(error.to_string()))?);
            }
            content
        }
    };
    let text = String::from_utf8(content).map_err(|error| unreadable(error.to_string()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(lines.filter(|line| !line.starts_with('#')).map(str::to_owned).collect())
}

fn pattern(input: &str, name: &str) -> Result<Option<Pattern>, ListError> {
    let wrong = |error: glob::PatternError| ListError::Pattern {
        input: input.to_owned(),
        reason: error.to_string(),
    };
    match name.contains(['*', '?', '[']) {
        true => Pattern::new(name).map(Some).map_err(wrong),
        false => Ok(None),
    }
}

async fn in_bucket(
    control: &StorageControl,
    input: &str,
    object: &str,
) -> Result<Vec<InputFile>, ListError> {
    let Some((bucket, name)) = object.split_once('/').filter(|(_, name)| !name.is_empty()) else {
        let reason = "expected gs://BUCKET/NAME".to_owned();
        return Err(ListError::Pattern { input: input.to_owned(), reason });
    };
    let pattern = pattern(input, name)?;
    let prefix = name.split(['*', '?', '[']).next().unwrap_or_default();
    let mut listed = control
        .list_objects()
        .set_parent(format!("projects/_/buckets/{bucket}"))
        .set_prefix(prefix)
        .by_item();
    let mut files = Vec::new();
    while let Some(object) = listed.next().await {
        let object = object.map_err(|error| ListError::Unreadable {
            input: input.to_owned(),
            reason: error.to_string(),
        })?;
        let fits = match &pattern {
            Some(pattern) => pattern.matches_with(&object.name, OPTIONS),
            None => object.name == name,
        };
        // Names that end with a slash are the folders of the console.
        if !fits || object.name.ends_with('/') {
            continue;
        }
        files.push(file_of(bucket, object));
    }
    if files.is_empty() && pattern.is_none() {
        return Err(ListError::Missing(input.to_owned()));
    }
    Ok(files)
}

fn file_of(bucket: &str, object: Object) -> InputFile {
    let created = object.create_time.map_or(EventTime(0), |time| {
        EventTime(time.seconds() * 1_000_000 + i64::from(time.nanos()) / 1_000)
    });
    InputFile {
        object: format!("gs://{bucket}/{}", object.name).into(),
        generation: object.generation,
        created,
        place: Place::Bucket { bucket: bucket.to_owned(), name: object.name },
    }
}

/// One generation of an object, if it is there.
pub(super) async fn one(
    control: &StorageControl,
    bucket: &str,
    name: &str,
    generation: i64,
) -> Result<Option<InputFile>, ListError> {
    let found = control
        .get_object()
        .set_bucket(format!("projects/_/buckets/{bucket}"))
        .set_object(name)
        .set_generation(generation)
        .send()
        .await;
    match found {
        Ok(object) => Ok(Some(file_of(bucket, object))),
        Err(error) if is(&error, 404, Code::NotFound) => Ok(None),
        Err(error) => Err(ListError::Unreadable {
            input: format!("gs://{bucket}/{name}"),
            reason: error.to_string(),
        }),
    }
}

/// Whether an object is one of those that inputs name; without inputs every one is, but for the folders of
/// the console.
pub(super) fn is_named(inputs: &[String], bucket: &str, name: &str) -> Result<bool, ListError> {
    let mut is_named = inputs.is_empty();
    for input in inputs {
        let Some((_, wanted)) = input
            .strip_prefix("gs://")
            .and_then(|input| input.split_once('/'))
            .filter(|(of, _)| *of == bucket)
        else {
            continue;
        };
        is_named |= match pattern(input, wanted)? {
            Some(pattern) => pattern.matches_with(name, OPTIONS),
            None => wanted == name,
        };
    }
    Ok(is_named && !name.ends_with('/'))
}

fn on_disk(input: &str) -> Result<Vec<InputFile>, ListError> {
    let unreadable = |reason: String| ListError::Unreadable { input: input.to_owned(), reason };
    let paths: Vec<PathBuf> = match pattern(input, input)? {
        None => vec![PathBuf::from(input)],
        Some(_) => {
            let found = glob::glob_with(input, OPTIONS).map_err(|error| ListError::Pattern {
                input: input.to_owned(),
                reason: error.to_string(),
            })?;
            let paths: Result<Vec<_>, _> = found.collect();
            paths.map_err(|error| unreadable(error.to_string()))?
        }
    };
    let is_pattern = paths.first().is_none_or(|path| path.as_os_str() != input);
    let mut files = Vec::new();
    for path in paths {
        let metadata = match std::fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(_) if !is_pattern => return Err(ListError::Missing(input.to_owned())),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        if metadata.is_dir() {
            continue;
        }
        let changed = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let micros = changed.and_then(|since| i64::try_from(since.as_micros()).ok()).unwrap_or(0);
        files.push(InputFile {
            object: path.to_string_lossy().into(),
            generation: micros.wrapping_mul(31).wrapping_add(metadata.len().cast_signed()),
            created: EventTime(micros),
            place: Place::Disk(path),
        });
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notified_object_is_read_when_an_input_names_it() {
        for (inputs, name, expected) in [
            (&[][..], "a/b.json", true),
            (&[], "a/", false),
            (&["gs://b/a/*.json"], "a/b.json", true),
            (&["gs://b/*.json"], "a/b.json", false),
            (&["gs://other/**"], "a/b.json", false),
            (&["gs://other/**", "gs://b/a/b.json"], "a/b.json", true),
            (&["gs://b/**"], "a/", false),
        ] {
            let named: Vec<String> = inputs.iter().map(|&input| input.to_owned()).collect();
            assert_eq!(is_named(&named, "b", name).unwrap(), expected, "{inputs:?} {name}");
        }
    }
}
