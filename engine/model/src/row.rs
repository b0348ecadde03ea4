//! Rows of tables that a pipeline names itself: JSON objects one after the other in one buffer, each with
//! the message that it comes from, where there is one. What a row becomes in its table is the sink's.

use serde::Serialize;

use crate::Message;

/// Rows of one table.
#[derive(Debug, Clone, Default)]
pub struct TableRows {
    json: Vec<u8>,
    ends: Vec<usize>,
    messages: Vec<Option<Message>>,
}

impl TableRows {
    /// Adds a row, which must become a JSON object, and the message to answer with when the table
    /// refuses it; a row of an aggregate has none.
    ///
    /// # Errors
    /// The row cannot become JSON: a map whose keys are no strings.
    pub fn push(
        &mut self,
        row: &impl Serialize,
        message: Option<&Message>,
    ) -> Result<(), serde_json::Error> {
        let before = self.json.len();
        if let Err(error) = serde_json::to_writer(&mut self.json, row) {
            self.json.truncate(before);
            return Err(error);
        }
        self.ends.push(self.json.len());
        self.messages.push(message.cloned());
        Ok(())
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The rows, each one JSON value, in the order in which they came.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.row(index))
    }

    /// One row.
    ///
    /// # Panics
    /// When there are not so many.
    #[must_use]
    pub fn row(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.json[start..self.ends[index]]
    }

    /// The message that a row comes from.
    #[must_use]
    pub fn message(&self, index: usize) -> Option<&Message> {
        self.messages.get(index)?.as_ref()
    }

    /// The rows whose number the function takes.
    #[must_use]
    pub fn filtered(&self, keeps: impl Fn(usize) -> bool) -> Self {
        let mut kept = Self::default();
        for index in (0..self.len()).filter(|index| keeps(*index)) {
            kept.json.extend_from_slice(self.row(index));
            kept.ends.push(kept.json.len());
            kept.messages.push(self.messages[index].clone());
        }
        kept
    }

    /// Adds the rows of another.
    pub fn append(&mut self, other: Self) {
        let offset = self.json.len();
        self.json.extend_from_slice(&other.json);
        self.ends.extend(other.ends.into_iter().map(|end| end + offset));
        self.messages.extend(other.messages);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_come_back_and_filters_keep_their_order(
            numbers in proptest::collection::vec(any::<u32>(), 0..20), divisor in 1_usize..4,
        ) {
            let mut rows = TableRows::default();
            for number in &numbers {
                rows.push(number, None).unwrap();
            }
            let read = |rows: &TableRows| -> Vec<u32> {
                rows.iter().map(|row| serde_json::from_slice(row).unwrap()).collect()
            };
            prop_assert_eq!(read(&rows), numbers.clone());
            let kept = rows.filtered(|index| index.is_multiple_of(divisor));
            let expected: Vec<u32> = numbers.iter().step_by(divisor).copied().collect();
            prop_assert_eq!(read(&kept), &expected[..]);
            rows.append(kept);
            prop_assert_eq!(read(&rows), [numbers, expected].concat());
        }
    }

    #[test]
    fn what_is_no_json_leaves_nothing() {
        let mut rows = TableRows::default();
        let map = std::collections::BTreeMap::from([((1, 2), 3)]);
        assert!(rows.push(&map, None).is_err());
        assert!(rows.is_empty());
    }
}
