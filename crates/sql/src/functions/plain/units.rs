//! Units of measurement.

use super::{Answer, Cell, Plain, Sort};
use Sort::{Number, Text};

pub const ALL: &[Plain] = &[
    Plain { name: "convert_unit", takes: &[Number, Text, Text], gives: Number, body: convert },
    Plain { name: "c_to_f", takes: &[Number], gives: Number, body: c_to_f },
    Plain { name: "f_to_c", takes: &[Number], gives: Number, body: f_to_c },
    Plain { name: "dew_point", takes: &[Number; 2], gives: Number, body: dew_point },
    Plain {
        name: "absolute_humidity",
        takes: &[Number; 2],
        gives: Number,
        body: absolute_humidity,
    },
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quantity {
    Length,
    Mass,
    Time,
    Temperature,
    Pressure,
    Volume,
    Flow,
    Speed,
    Energy,
    Power,
    Angle,
    Frequency,
}

use Quantity::{
    Angle, Energy, Flow, Frequency, Length, Mass, Power, Pressure, Speed, Temperature, Time, Volume,
};

/// Name, quantity, the unit in the quantity's own, and what it shows at 0 °C. Factors are exact by
/// definition (SI brochure; international yard and pound; conventional gravity).
const UNITS: &[(&str, Quantity, f64, f64)] = &[
    ("mm", Length, 0.001, 0.0),
    ("cm", Length, 0.01, 0.0),
    ("m", Length, 1.0, 0.0),
    ("km", Length, 1_000.0, 0.0),
    ("in", Length, 0.025_4, 0.0),
    ("ft", Length, 0.304_8, 0.0),
    ("mi", Length, 1_609.344, 0.0),
    ("g", Mass, 0.001, 0.0),
    ("kg", Mass, 1.0, 0.0),
    ("t", Mass, 1_000.0, 0.0),
    ("oz", Mass, 0.028_349_523_125, 0.0),
    ("lb", Mass, 0.453_592_37, 0.0),
    ("ms", Time, 0.001, 0.0),
    ("s", Time, 1.0, 0.0),
    ("min", Time, 60.0, 0.0),
    ("h", Time, 3_600.0, 0.0),
    ("d", Time, 86_400.0, 0.0),
    ("K", Temperature, 1.0, 273.15),
    ("degC", Temperature, 1.0, 0.0),
    ("°C", Temperature, 1.0, 0.0),
    ("degF", Temperature, 5.0 / 9.0, 32.0),
    ("°F", Temperature, 5.0 / 9.0, 32.0),
    ("Pa", Pressure, 1.0, 0.0),
    ("hPa", Pressure, 100.0, 0.0),
    ("mbar", Pressure, 100.0, 0.0),
    ("kPa", Pressure, 1_000.0, 0.0),
    ("bar", Pressure, 100_000.0, 0.0),
    ("MPa", Pressure, 1_000_000.0, 0.0),
    ("atm", Pressure, 101_325.0, 0.0),
    ("psi", Pressure, 6_894.757_293_168_361, 0.0),
    ("ml", Volume, 0.000_001, 0.0),
    ("l", Volume, 0.001, 0.0),
    ("m3", Volume, 1.0, 0.0),
    ("gal", Volume, 0.003_785_411_784, 0.0),
    ("l/min", Flow, 0.001 / 60.0, 0.0),
    ("l/h", Flow, 0.001 / 3_600.0, 0.0),
    ("m3/h", Flow, 1.0 / 3_600.0, 0.0),
    ("gpm", Flow, 0.003_785_411_784 / 60.0, 0.0),
    ("m/s", Speed, 1.0, 0.0),
    ("m/min", Speed, 1.0 / 60.0, 0.0),
    ("km/h", Speed, 1.0 / 3.6, 0.0),
    ("mph", Speed, 0.447_04, 0.0),
    ("ft/min", Speed, 0.304_8 / 60.0, 0.0),
    ("J", Energy, 1.0, 0.0),
    ("kJ", Energy, 1_000.0, 0.0),
    ("MJ", Energy, 1_000_000.0, 0.0),
    ("Wh", Energy, 3_600.0, 0.0),
    ("kWh", Energy, 3_600_000.0, 0.0),
    ("MWh", Energy, 3_600_000_000.0, 0.0),
    ("W", Power, 1.0, 0.0),
    ("kW", Power, 1_000.0, 0.0),
    ("MW", Power, 1_000_000.0, 0.0),
    ("hp", Power, 745.699_871_582_270_2, 0.0),
    ("deg", Angle, std::f64::consts::PI / 180.0, 0.0),
    ("rad", Angle, 1.0, 0.0),
    ("Hz", Frequency, 1.0, 0.0),
    ("kHz", Frequency, 1_000.0, 0.0),
    ("rpm", Frequency, 1.0 / 60.0, 0.0),
];

fn convert(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Number(x), Cell::Text(from), Cell::Text(to)] = cells else { return None };
    let unit = |name: &str| UNITS.iter().find(|(known, ..)| *known == name);
    let (_, quantity, factor, zero) = unit(from)?;
    let (_, wanted, wanted_factor, wanted_zero) = unit(to)?;
    let converted = (x - zero) * factor / wanted_factor + wanted_zero;
    (quantity == wanted).then_some(Answer::Number(converted))
}

fn c_to_f(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Number(celsius)] = cells else { return None };
    Some(Answer::Number(celsius * 9.0 / 5.0 + 32.0))
}

fn f_to_c(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Number(fahrenheit)] = cells else { return None };
    Some(Answer::Number((fahrenheit - 32.0) * 5.0 / 9.0))
}

/// Constants of the Magnus formula for -40 to 50 °C, after Alduchov and Eskridge (1996).
const MAGNUS: (f64, f64, f64) = (17.625, 243.04, 6.109_4);

fn dew_point(cells: &[Cell]) -> Option<Answer> {
    let (celsius, humidity) = air(cells)?;
    let (a, b, _) = MAGNUS;
    let gamma = (humidity / 100.0).ln() + a * celsius / (b + celsius);
    Some(Answer::Number(b * gamma / (a - gamma)))
}

fn absolute_humidity(cells: &[Cell]) -> Option<Answer> {
    let (celsius, humidity) = air(cells)?;
    let (a, b, saturated) = MAGNUS;
    let pascals = 100.0 * saturated * (a * celsius / (b + celsius)).exp() * humidity / 100.0;
    // The gas constant of water vapour, J/(kg K).
    Some(Answer::Number(1_000.0 * pascals / (461.5 * (celsius + 273.15))))
}

/// What the formulas hold for: air as plants know it, with some water in it.
fn air(cells: &[Cell]) -> Option<(f64, f64)> {
    let [Cell::Number(celsius), Cell::Number(humidity)] = cells else { return None };
    let known = (-100.0..=200.0).contains(celsius) && *humidity > 0.0 && *humidity <= 100.0;
    known.then_some((*celsius, *humidity))
}
