//! The columns of the tables: what their headers are, and which keys of the document they stand for.

use tagwerk_component::nearest;

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Column {
    Device,
    Driver,
    Template,
    Enabled,
    DeviceDescription,
    /// A key of the settings; keys within it behind dots.
    Setting(String),
    Parameter(String),
    /// The overrides of a device with a template, as JSON.
    Overrides,
    Group,
    Interval,
    Tag,
    Address,
    Formula,
    Type,
    Unit,
    Access,
    Slope,
    Offset,
    RawLow,
    RawHigh,
    ValueLow,
    ValueHigh,
    RangeLow,
    RangeHigh,
    Deadband,
    Report,
    Description,
}

pub(crate) const SETTINGS: &str = "settings.";
pub(crate) const PARAMETERS: &str = "parameters.";

const NAMES: [(&str, Column); 25] = [
    ("device", Column::Device),
    ("driver", Column::Driver),
    ("template", Column::Template),
    ("enabled", Column::Enabled),
    ("device_description", Column::DeviceDescription),
    ("overrides", Column::Overrides),
    ("group", Column::Group),
    ("interval", Column::Interval),
    ("tag", Column::Tag),
    ("address", Column::Address),
    ("formula", Column::Formula),
    ("type", Column::Type),
    ("unit", Column::Unit),
    ("access", Column::Access),
    ("slope", Column::Slope),
    ("offset", Column::Offset),
    ("raw_low", Column::RawLow),
    ("raw_high", Column::RawHigh),
    ("value_low", Column::ValueLow),
    ("value_high", Column::ValueHigh),
    ("range_low", Column::RangeLow),
    ("range_high", Column::RangeHigh),
    ("deadband", Column::Deadband),
    ("report", Column::Report),
    ("description", Column::Description),
];

impl Column {
    pub fn parse(header: &str) -> Option<Column> {
        let header = header.trim();
        for (prefix, make) in
            [(SETTINGS, Column::Setting as fn(String) -> Column), (PARAMETERS, Column::Parameter)]
        {
            let begin = header.get(..prefix.len()).filter(|h| h.eq_ignore_ascii_case(prefix));
            if begin.is_some() && header.len() > prefix.len() {
                return Some(make(header[prefix.len()..].to_owned()));
            }
        }
        let name = header.to_ascii_lowercase().replace([' ', '-'], "_");
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, column)| column.clone())
    }

    pub fn name(&self) -> String {
        match self {
            Column::Setting(key) => format!("{SETTINGS}{key}"),
            Column::Parameter(key) => format!("{PARAMETERS}{key}"),
            other => {
                let found = NAMES.iter().find(|(_, column)| column == other);
                found.map_or_else(String::new, |(name, _)| (*name).to_owned())
            }
        }
    }

    /// What to write in place of a header that is not known.
    pub fn remedy(header: &str) -> String {
        let name = header.trim().to_ascii_lowercase().replace([' ', '-'], "_");
        match nearest(&name, NAMES.iter().map(|(name, _)| *name)) {
            Some(near) => format!("write `{near}`, or remove the column"),
            None => {
                "remove the column; settings are headed `settings.KEY`, and all headers stand in \
                     an export"
                    .to_owned()
            }
        }
    }

    /// Of the device, rather than of one of its groups or tags.
    pub fn is_of_device(&self) -> bool {
        matches!(
            self,
            Column::Device
                | Column::Driver
                | Column::Template
                | Column::Enabled
                | Column::DeviceDescription
                | Column::Setting(_)
                | Column::Parameter(_)
                | Column::Overrides
        )
    }
}
