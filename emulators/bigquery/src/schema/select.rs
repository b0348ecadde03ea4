//! A part of a schema: the fields that a reader names, `a` or `a.b`, in the table's order.

use super::{Field, FieldType, TableSchema, index_of};

impl TableSchema {
    /// The schema of the named fields alone; a record's fields can be named one by one.
    ///
    /// # Errors
    /// The name of a field that there is not.
    pub fn select<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let paths: Vec<Vec<&str>> =
            names.into_iter().map(|name| name.trim().split('.').collect()).collect();
        let paths: Vec<&[&str]> = paths.iter().map(Vec::as_slice).collect();
        for path in &paths {
            if !exists(&self.fields, path) {
                return Err(path.join("."));
            }
        }
        Ok(Self { fields: chosen(&self.fields, &paths) })
    }
}

fn exists(fields: &[Field], path: &[&str]) -> bool {
    let Some((first, rest)) = path.split_first() else { return true };
    let Some(index) = index_of(fields, first) else { return false };
    match (&fields[index].field_type, rest) {
        (_, []) => true,
        (FieldType::Record(inner), rest) => exists(inner, rest),
        _ => false,
    }
}

fn chosen(fields: &[Field], paths: &[&[&str]]) -> Vec<Field> {
    let choose = |field: &Field| {
        let mine: Vec<&[&str]> = paths
            .iter()
            .filter_map(|path| path.split_first())
            .filter(|(first, _)| field.name.eq_ignore_ascii_case(first))
            .map(|(_, rest)| rest)
            .collect();
        if mine.is_empty() {
            return None;
        }
        let mut field = field.clone();
        if let FieldType::Record(inner) = &mut field.field_type
            && mine.iter().all(|rest| !rest.is_empty())
        {
            *inner = chosen(inner, &mine);
        }
        Some(field)
    };
    fields.iter().filter_map(choose).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_by_path() {
        let schema = json!({ "fields": [
            { "name": "a", "type": "STRING" },
            { "name": "r", "type": "RECORD", "fields": [
                { "name": "x", "type": "INTEGER" }, { "name": "y", "type": "INTEGER" } ] },
            { "name": "b", "type": "STRING" },
        ] });
        let schema = TableSchema::from_json(&schema).unwrap();
        let check = |names: &[&str], expected: Result<&str, &str>| {
            let selected = schema.select(names.iter().copied());
            let shown = selected.map(|schema| {
                let texts: Vec<String> = schema
                    .fields
                    .iter()
                    .map(|field| format!("{} {}", field.name, field.sql_text()))
                    .collect();
                texts.join(", ")
            });
            assert_eq!(shown.as_deref().map_err(String::as_str), expected);
        };
        check(&["b", "a"], Ok("a STRING, b STRING"));
        check(&["r.y"], Ok("r STRUCT<y INT64>"));
        check(&["r.y", "R"], Ok("r STRUCT<x INT64, y INT64>"));
        check(&["c"], Err("c"));
        check(&["a.x"], Err("a.x"));
    }
}
