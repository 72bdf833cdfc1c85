//! A table as bytes, for the disk: the same table gives the same bytes, which name its version.

use super::{ColumnType, ColumnValues, Table, TableColumn};
use crate::limits;

const MAGIC: &[u8; 8] = b"TWTABLE1";

impl Table {
    /// Magic, number of columns and rows; of each column its type, name, and values, each behind a
    /// byte that says whether there is one.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend((self.columns.len() as u32).to_le_bytes());
        out.extend((self.rows as u32).to_le_bytes());
        for column in &self.columns {
            out.push(column.values.column_type() as u8);
            part(&mut out, column.name.as_bytes());
            values(&mut out, &column.values);
        }
        out
    }

    /// None, where the bytes are no table, or one that is larger than tables may be.
    pub fn decode(bytes: &[u8]) -> Option<Table> {
        let mut reader = Reader(bytes.strip_prefix(MAGIC)?);
        let (columns, rows) = (reader.number()? as usize, reader.number()? as usize);
        let within = columns <= limits::TABLE_COLUMNS_MAX && rows <= limits::TABLE_ROWS_MAX;
        if !within || (columns == 0 && rows > 0) {
            return None;
        }
        let columns = (0..columns).map(|_| reader.column(rows)).collect::<Option<Vec<_>>>()?;
        let whole = reader.0.is_empty();
        whole.then_some(Table { columns, rows })
    }
}

fn part(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u32).to_le_bytes());
    out.extend(bytes);
}

fn each<T>(out: &mut Vec<u8>, values: &[Option<T>], write: impl Fn(&mut Vec<u8>, &T)) {
    for value in values {
        out.push(u8::from(value.is_some()));
        if let Some(value) = value {
            write(out, value);
        }
    }
}

fn values(out: &mut Vec<u8>, values: &ColumnValues) {
    match values {
        ColumnValues::Bool(values) => each(out, values, |out, v| out.push(u8::from(*v))),
        ColumnValues::Int64(values) | ColumnValues::Time(values) => {
            each(out, values, |out, v| out.extend(v.to_le_bytes()));
        }
        ColumnValues::Uint64(values) => each(out, values, |out, v| out.extend(v.to_le_bytes())),
        ColumnValues::Float64(values) => {
            each(out, values, |out, v| out.extend(v.to_bits().to_le_bytes()));
        }
        ColumnValues::Text(values) => each(out, values, |out, v| part(out, v.as_bytes())),
        ColumnValues::Bytes(values) => each(out, values, |out, v| part(out, v)),
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (own, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(own)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn eight(&mut self) -> Option<[u8; 8]> {
        self.take(8)?.try_into().ok()
    }

    fn part(&mut self) -> Option<&'a [u8]> {
        let length = self.number()? as usize;
        self.take(length)
    }

    fn each<T>(
        &mut self,
        rows: usize,
        mut read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<Option<T>>> {
        // A row takes a byte at least: what is not there is not made room for.
        let mut values = Vec::with_capacity(rows.min(self.0.len()));
        for _ in 0..rows {
            values.push(match self.byte()? {
                0 => None,
                1 => Some(read(self)?),
                _ => return None,
            });
        }
        Some(values)
    }

    fn column(&mut self, rows: usize) -> Option<TableColumn> {
        let of = self.byte()?;
        let of = ColumnType::ALL.into_iter().find(|known| *known as u8 == of)?;
        let name = std::str::from_utf8(self.part()?).ok()?.into();
        let values = match of {
            ColumnType::Bool => ColumnValues::Bool(self.each(rows, |r| match r.byte()? {
                0 => Some(false),
                1 => Some(true),
                _ => None,
            })?),
            ColumnType::Int64 => {
                ColumnValues::Int64(self.each(rows, |r| Some(i64::from_le_bytes(r.eight()?)))?)
            }
            ColumnType::Time => {
                ColumnValues::Time(self.each(rows, |r| Some(i64::from_le_bytes(r.eight()?)))?)
            }
            ColumnType::Uint64 => {
                ColumnValues::Uint64(self.each(rows, |r| Some(u64::from_le_bytes(r.eight()?)))?)
            }
            ColumnType::Float64 => ColumnValues::Float64(
                self.each(rows, |r| Some(f64::from_bits(u64::from_le_bytes(r.eight()?))))?,
            ),
            ColumnType::Text => ColumnValues::Text(
                self.each(rows, |r| Some(std::str::from_utf8(r.part()?).ok()?.into()))?,
            ),
            ColumnType::Bytes => ColumnValues::Bytes(self.each(rows, |r| Some(r.part()?.into()))?),
        };
        Some(TableColumn { name, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table() -> Table {
        let column = |name: &str, values| TableColumn { name: name.into(), values };
        Table::new(vec![
            column("a", ColumnValues::Bool(vec![Some(true), None])),
            column("b", ColumnValues::Int64(vec![Some(i64::MIN), Some(1)])),
            column("c", ColumnValues::Uint64(vec![None, Some(u64::MAX)])),
            column("d", ColumnValues::Float64(vec![Some(-0.0), Some(f64::INFINITY)])),
            column("ü", ColumnValues::Text(vec![Some("ß".into()), Some("".into())])),
            column("f", ColumnValues::Bytes(vec![Some(Box::new([0, 255])), None])),
            column("g", ColumnValues::Time(vec![Some(-1), None])),
        ])
        .unwrap()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let bytes = table().encode();
        assert_eq!(Table::decode(&bytes), Some(table()));
        for length in 0..bytes.len() {
            assert_eq!(Table::decode(&bytes[..length]), None, "cut at {length}");
        }
        let empty = Table::without_rows(table().shape());
        assert_eq!(Table::decode(&empty.encode()), Some(empty));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(change in proptest::collection::vec((0usize..200, any::<u8>()), 1..6)) {
            let mut bytes = table().encode();
            for (at, byte) in change {
                let length = bytes.len();
                bytes[at % length] = byte;
            }
            if let Some(table) = Table::decode(&bytes) {
                prop_assert!(table.columns().iter().all(|c| c.values.len() == table.rows()));
            }
        }
    }
}
