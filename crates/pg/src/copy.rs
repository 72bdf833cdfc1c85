//! Rows as `COPY … TO STDOUT` writes them: PostgreSQL's text format and CSV.

use crate::rows::Rows;
use crate::wire::{self, Field};
use tagwerk_sql::postgres::{CopyForm, CopyFormat};

pub struct CopyRows<'a> {
    form: &'a CopyForm,
    names: Vec<&'a str>,
}

impl<'a> CopyRows<'a> {
    pub fn new(form: &'a CopyForm, fields: &'a [Field]) -> CopyRows<'a> {
        CopyRows { form, names: fields.iter().map(|field| field.name.as_str()).collect() }
    }

    pub fn begin(&self, out: &mut Vec<u8>) {
        wire::copy_out(out, self.names.len());
        if self.form.header {
            wire::message(out, b'd', |out| {
                for (at, name) in self.names.iter().enumerate() {
                    self.cell(out, at, Some(name.as_bytes()));
                }
                out.push(b'\n');
            });
        }
    }

    pub fn row(&self, rows: &Rows, row: usize, out: &mut Vec<u8>) {
        wire::message(out, b'd', |out| {
            rows.cells(row, |at, cell| self.cell(out, at, cell));
            out.push(b'\n');
        });
    }

    pub fn end(&self, out: &mut Vec<u8>) {
        wire::message(out, b'c', |_| {});
    }

    fn cell(&self, out: &mut Vec<u8>, at: usize, cell: Option<&[u8]>) {
        if at > 0 {
            out.push(self.form.delimiter);
        }
        match (cell, self.form.format) {
            (None, _) => out.extend(self.form.null.bytes()),
            (Some(cell), CopyFormat::Text) => escaped(out, cell, self.form.delimiter),
            (Some(cell), CopyFormat::Csv) => self.quoted(out, cell),
        }
    }

    fn quoted(&self, out: &mut Vec<u8>, cell: &[u8]) {
        let CopyForm { delimiter, quote, escape, null, .. } = self.form;
        let special = |byte: &u8| byte == delimiter || byte == quote || b"\r\n".contains(byte);
        // A line of `\.` alone would end the data.
        let alone = self.names.len() == 1 && cell == b"\\.";
        if !cell.iter().any(special) && cell != null.as_bytes() && !alone {
            out.extend(cell);
            return;
        }
        out.push(*quote);
        for byte in cell {
            if byte == quote || byte == escape {
                out.push(*escape);
            }
            out.push(*byte);
        }
        out.push(*quote);
    }
}

fn escaped(out: &mut Vec<u8>, cell: &[u8], delimiter: u8) {
    for byte in cell {
        let letter = match byte {
            b'\\' => b'\\',
            0x08 => b'b',
            0x0c => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x0b => b'v',
            other if *other == delimiter => *other,
            other => {
                out.push(*other);
                continue;
            }
        };
        out.extend([b'\\', letter]);
    }
}
