//! Lists of objects: live ones, all versions, or the deleted ones that can be restored. The cost is that
//! of the page: what lies under a cut prefix is skipped as a whole. Invariant: pages concatenate to the
//! whole list, in the order of (name, generation).

use std::collections::BTreeMap;
use std::ops::Bound;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::objects::can_be_restored;
use super::{Broker, BrokerError, Bucket, BucketState, Glob, Object};
use crate::limits::LIST_PAGE_MAX;

/// Which objects a list is of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ListScope {
    /// Live ones.
    #[default]
    Live,
    /// Live and noncurrent ones.
    Versions,
    /// Deleted ones that can be restored.
    SoftDeleted,
}

/// What a list asks for.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// Which objects.
    pub scope: ListScope,
    /// Only names that begin so.
    pub prefix: String,
    /// Names are cut after this text beyond the prefix, and the cut names are listed as prefixes.
    pub delimiter: String,
    /// Whether a name that is itself a cut name is listed as an object as well.
    pub include_trailing_delimiter: bool,
    /// Where the page before ended.
    pub page_token: String,
    /// Objects and prefixes of a page at most; 0 is the maximum.
    pub page_size: usize,
    /// Only names, and cut names, after this one.
    pub after: String,
    /// Only names from here on.
    pub start_offset: String,
    /// Only names before this one.
    pub end_offset: String,
    /// Only objects and prefixes that match.
    pub glob: Option<Glob>,
}

/// A page of a list.
#[derive(Debug)]
pub struct Listing<'a> {
    /// The bucket.
    pub bucket: &'a Bucket,
    /// Objects in the order of their names.
    pub objects: Vec<&'a Object>,
    /// Cut names, in order.
    pub prefixes: Vec<String>,
    /// Where the next page begins; empty at the end.
    pub next_page_token: String,
}

/// A place between two objects: after this generation of this name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cursor {
    name: String,
    generation: i64,
    /// Whether `name` was listed as a prefix already.
    is_listed_prefix: bool,
}

impl Cursor {
    fn before(name: String) -> Self {
        Self { name, generation: i64::MIN, is_listed_prefix: false }
    }

    /// Where a list begins, or goes on.
    fn first(query: &ListQuery, literal: &str) -> Result<Self, BrokerError> {
        let from = literal.max(&query.prefix).max(&query.start_offset);
        if !query.page_token.is_empty() {
            let token = Self::from_token(&query.page_token)?;
            if token.name.as_str() >= from {
                return Ok(token);
            }
        }
        if query.after.is_empty() || query.after.as_str() < from {
            return Ok(Self::before(from.to_owned()));
        }
        let is_prefix = query.after.starts_with(&query.prefix)
            && cut(&query.after, query) == Some(query.after.as_str());
        Ok(Self {
            name: query.after.clone(),
            generation: if is_prefix { i64::MIN } else { i64::MAX },
            is_listed_prefix: is_prefix,
        })
    }

    fn token(&self) -> String {
        let listed = u8::from(self.is_listed_prefix);
        STANDARD.encode(format!("{}:{listed}:{}", self.generation, self.name))
    }

    fn from_token(token: &str) -> Result<Self, BrokerError> {
        let parse = || {
            let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
            let mut parts = text.splitn(3, ':');
            Some(Self {
                generation: parts.next()?.parse().ok()?,
                is_listed_prefix: parts.next()? == "1",
                name: parts.next()?.to_owned(),
            })
        };
        parse().ok_or_else(|| BrokerError::Invalid(format!("Invalid page token: {token}")))
    }
}

impl Broker {
    /// A page of a bucket's objects.
    ///
    /// # Errors
    /// Unknown bucket, or a page token that is none.
    pub fn list(
        &self,
        bucket: &str,
        query: &ListQuery,
        now: i64,
    ) -> Result<Listing<'_>, BrokerError> {
        let state = self.state(bucket)?;
        let size = match query.page_size {
            0 => LIST_PAGE_MAX,
            size => size.min(LIST_PAGE_MAX),
        };
        let (objects, prefixes) = (Vec::new(), Vec::new());
        let mut listing =
            Listing { bucket: &state.bucket, objects, prefixes, next_page_token: String::new() };
        let literal = query.glob.as_ref().map_or("", Glob::literal_prefix);
        let mut cursor = Cursor::first(query, literal)?;
        let matches = |name: &str| query.glob.as_ref().is_none_or(|glob| glob.matches(name));
        while let Some(object) = state.next(query.scope, &cursor, now) {
            let name = &object.name;
            let ended = !query.end_offset.is_empty() && *name >= query.end_offset;
            if ended || !name.starts_with(&query.prefix) || !name.starts_with(literal) {
                break;
            }
            let cut = cut(name, query);
            let is_listed = cut.is_some_and(|cut| cursor.is_listed_prefix && cursor.name == cut);
            let lists_prefix = cut.filter(|cut| !is_listed && matches(cut));
            let trails = query.include_trailing_delimiter && cut == Some(name.as_str());
            let lists_object = (cut.is_none() || trails) && matches(name);
            let is_full = listing.objects.len() + listing.prefixes.len() == size;
            if is_full && (lists_prefix.is_some() || lists_object) {
                listing.next_page_token = cursor.token();
                break;
            }
            if let (Some(cut), false) = (cut, is_listed) {
                listing.prefixes.extend(lists_prefix.map(str::to_owned));
                cursor = Cursor { is_listed_prefix: true, ..Cursor::before(cut.to_owned()) };
                if trails {
                    continue;
                }
            }
            if lists_object {
                listing.objects.push(object);
            }
            match (cut, trails) {
                (Some(cut), false) => match successor(cut) {
                    Some(next) => cursor = Cursor::before(next),
                    None => break,
                },
                _ => {
                    name.clone_into(&mut cursor.name);
                    // One name is one live object, even when it is replaced between two pages.
                    let is_live = query.scope == ListScope::Live;
                    cursor.generation = if is_live { i64::MAX } else { object.generation };
                    cursor.is_listed_prefix = trails;
                }
            }
        }
        Ok(listing)
    }
}

impl BucketState {
    fn next(&self, scope: ListScope, cursor: &Cursor, now: i64) -> Option<&Object> {
        match scope {
            ListScope::Live => next_live(&self.live, cursor),
            ListScope::Versions => {
                let noncurrent = next_version(&self.noncurrent, cursor, &|_| true);
                let live = next_live(&self.live, cursor);
                let both = noncurrent.into_iter().chain(live);
                both.min_by(|a, b| (&a.name, a.generation).cmp(&(&b.name, b.generation)))
            }
            ListScope::SoftDeleted => {
                next_version(&self.soft_deleted, cursor, &|it| can_be_restored(it, now))
            }
        }
    }
}

fn next_live<'a>(live: &'a BTreeMap<String, Object>, cursor: &Cursor) -> Option<&'a Object> {
    let range = live.range::<str, _>((Bound::Included(cursor.name.as_str()), Bound::Unbounded));
    let is_after =
        |object: &&Object| object.name != cursor.name || object.generation > cursor.generation;
    range.map(|(_, object)| object).find(is_after)
}

fn next_version<'a>(
    versions: &'a BTreeMap<String, BTreeMap<i64, Object>>,
    cursor: &Cursor,
    is_visible: &dyn Fn(&Object) -> bool,
) -> Option<&'a Object> {
    let range = versions.range::<str, _>((Bound::Included(cursor.name.as_str()), Bound::Unbounded));
    range
        .flat_map(|(name, generations)| {
            let after = if *name == cursor.name { cursor.generation } else { i64::MIN };
            generations.range((Bound::Excluded(after), Bound::Unbounded))
        })
        .map(|(_, object)| object)
        .find(|object| is_visible(object))
}

/// A name cut after the delimiter beyond the prefix.
fn cut<'a>(name: &'a str, query: &ListQuery) -> Option<&'a str> {
    if query.delimiter.is_empty() {
        return None;
    }
    let rest = &name[query.prefix.len()..];
    let at = rest.find(&query.delimiter)?;
    Some(&name[..query.prefix.len() + at + query.delimiter.len()])
}

/// The first text after all that begin with a prefix; none when every text after it does.
fn successor(prefix: &str) -> Option<String> {
    let mut letters: Vec<char> = prefix.chars().collect();
    while let Some(last) = letters.pop() {
        // The code points between the two are surrogates, which no text holds.
        let next =
            if last == '\u{D7FF}' { Some('\u{E000}') } else { char::from_u32(last as u32 + 1) };
        if let Some(next) = next {
            letters.push(next);
            return Some(letters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::tests::{broker, put, set};
    use super::*;
    use proptest::prelude::*;

    fn all_pages(broker: &Broker, query: &ListQuery) -> (Vec<(String, i64)>, Vec<String>) {
        let mut query = query.clone();
        let (mut objects, mut prefixes) = (Vec::new(), Vec::new());
        loop {
            let page = broker.list("bucket", &query, 9).unwrap();
            if query.page_size > 0 {
                assert!(page.objects.len() + page.prefixes.len() <= query.page_size);
            }
            let found = page.objects.iter().map(|it| (it.name.clone(), it.generation));
            objects.extend(found);
            prefixes.extend(page.prefixes);
            if page.next_page_token.is_empty() {
                return (objects, prefixes);
            }
            query.page_token = page.next_page_token;
        }
    }

    #[test]
    fn globs_filter_objects_and_prefixes() {
        let mut broker = broker();
        for name in ["a.txt", "a/", "a/b.txt", "b/c.txt", "c.csv"] {
            put(&mut broker, name, "x").unwrap();
        }
        type Case<'a> = (&'a str, &'a str, bool, &'a [&'a str], &'a [&'a str]);
        let cases: &[Case<'_>] = &[
            ("**.txt", "", false, &["a.txt", "a/b.txt", "b/c.txt"], &[]),
            ("*", "/", false, &["a.txt", "c.csv"], &[]),
            ("a*", "/", false, &["a.txt"], &[]),
            ("*/", "/", false, &[], &["a/", "b/"]),
            ("", "/", true, &["a.txt", "a/", "c.csv"], &["a/", "b/"]),
        ];
        for (glob, delimiter, trailing, objects, prefixes) in cases {
            for page_size in [0, 1, 2] {
                let query = ListQuery {
                    glob: (!glob.is_empty()).then(|| Glob::new(glob).unwrap()),
                    delimiter: (*delimiter).to_owned(),
                    include_trailing_delimiter: *trailing,
                    page_size,
                    ..ListQuery::default()
                };
                let (found, cut) = all_pages(&broker, &query);
                let found: Vec<_> = found.into_iter().map(|(name, _)| name).collect();
                assert_eq!(
                    (found, cut),
                    (
                        objects.iter().map(|it| (*it).to_owned()).collect(),
                        prefixes.iter().map(|it| (*it).to_owned()).collect(),
                    ),
                    "{glob} {delimiter} {page_size}"
                );
            }
        }
        let query = ListQuery { page_token: "x".to_owned(), ..ListQuery::default() };
        assert!(broker.list("bucket", &query, 9).is_err());
    }

    #[test]
    fn a_list_goes_on_after_a_name_or_a_cut_name() {
        let mut broker = broker();
        for name in ["a", "b/x", "b/y", "c", "d"] {
            put(&mut broker, name, "x").unwrap();
        }
        for (after, objects, prefixes) in [
            ("a", vec!["c", "d"], vec!["b/"]),
            ("b/", vec!["c", "d"], vec![]),
            ("bb", vec!["c", "d"], vec![]),
            ("c", vec!["d"], vec![]),
        ] {
            let (after, delimiter) = (after.to_owned(), "/".to_owned());
            let query = ListQuery { after, delimiter, ..ListQuery::default() };
            let page = broker.list("bucket", &query, 9).unwrap();
            let found: Vec<_> = page.objects.iter().map(|it| it.name.as_str()).collect();
            assert_eq!(
                (found, page.prefixes),
                (objects, prefixes.into_iter().map(str::to_owned).collect())
            );
        }
    }

    #[test]
    fn successors() {
        for (prefix, expected) in [
            ("a/", Some("a0")),
            ("a\u{10FFFF}", Some("b")),
            ("\u{10FFFF}", None),
            ("a\u{D7FF}", Some("a\u{E000}")),
        ] {
            assert_eq!(successor(prefix).as_deref(), expected, "{prefix}");
        }
    }

    fn scopes() -> impl Strategy<Value = ListScope> {
        use ListScope::{Live, SoftDeleted, Versions};
        prop_oneof![Just(Live), Just(Versions), Just(SoftDeleted)]
    }

    proptest! {
        /// Goal: pages concatenate to the whole list, for every scope. Method: random names and queries
        /// against a filter over all generations.
        #[test]
        fn pages_make_up_the_list(
            names in proptest::collection::vec("[ab/]{1,4}", 0..20),
            deleted in proptest::collection::vec("[ab/]{1,4}", 0..5),
            prefix in "[ab/]{0,2}",
            (start, end) in ("[ab/]{0,2}", "[ab/]{0,2}"),
            with_delimiter in any::<bool>(),
            trailing in any::<bool>(),
            keeps_versions in any::<bool>(),
            scope in scopes(),
            page_size in 1_usize..4,
        ) {
            let mut broker = broker();
            set(&mut broker, |settings| settings.versioning = Some(keeps_versions));
            let mut expected_all = Vec::new();
            for name in &names {
                expected_all.push((name.clone(), put(&mut broker, name, "x").unwrap()));
            }
            for name in &deleted {
                let _may_be_absent = broker.delete("bucket", name, None, Default::default(), 9);
            }
            let is_live = |(name, generation): &(String, i64)| {
                let newest = expected_all.iter().filter(|it| it.0 == *name).map(|it| it.1).max();
                newest == Some(*generation) && !deleted.contains(name)
            };
            let mut expected: Vec<_> = expected_all.iter().filter(|it| match scope {
                ListScope::Live => is_live(it),
                ListScope::Versions => is_live(it) || keeps_versions,
                ListScope::SoftDeleted => !is_live(it) && !keeps_versions,
            }).cloned().collect();
            expected.sort();
            let query = ListQuery {
                scope,
                prefix: prefix.clone(),
                delimiter: if with_delimiter { "/".to_owned() } else { String::new() },
                include_trailing_delimiter: trailing,
                start_offset: start.clone(),
                end_offset: end.clone(),
                page_size,
                ..ListQuery::default()
            };
            let (mut objects, mut prefixes) = (Vec::new(), Vec::new());
            for (name, generation) in expected {
                let inside = name >= start && (end.is_empty() || name < end);
                if !inside || !name.starts_with(&prefix) {
                    continue;
                }
                let cut = cut(&name, &query).map(str::to_owned);
                if cut.is_none() || trailing && cut.as_ref() == Some(&name) {
                    objects.push((name, generation));
                }
                prefixes.extend(cut.filter(|cut| !prefixes.contains(cut)));
            }
            prop_assert_eq!(all_pages(&broker, &query), (objects, prefixes));
        }
    }
}
