//! A table of texts, as a file holds it.

/// Rows with their cells, the header among them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// In workbooks.
    pub sheet: Option<String>,
    pub rows: Vec<Row>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    /// As a spreadsheet counts: from 1.
    pub number: u32,
    pub cells: Vec<String>,
}

/// A row of one of several tables; ordered as in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub table: u32,
    /// Position in [`Table::rows`].
    pub row: u32,
}

impl Table {
    /// The position of the first row with anything in it.
    pub fn header(&self) -> Option<usize> {
        self.rows.iter().position(|row| !row.is_empty())
    }

    /// Rows with anything in them, without the header.
    pub fn filled_rows(&self) -> usize {
        self.rows.iter().filter(|row| !row.is_empty()).count().saturating_sub(1)
    }
}

impl Row {
    pub fn is_empty(&self) -> bool {
        self.cells.iter().all(|cell| cell.trim().is_empty())
    }
}
