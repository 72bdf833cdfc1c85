//! A tag's value as a command.

use crate::address::{Command, Wrong, check_qualifier};
use crate::settings::{CommandMode, Settings};
use tagwerk_model::{DataType, Value};
use tagwerk_proto_iec104::{CommandQualifier, Element, Family, SetQualifier, Stage, TypeId};

/// How one tag is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub type_id: TypeId,
    pub object: u32,
    pub mode: CommandMode,
    pub qualifier: u8,
}

impl Order {
    /// Whether values of the tag's type can be commanded, with what the settings add.
    pub fn check(
        command: Command,
        data_type: DataType,
        settings: &Settings,
    ) -> Result<Order, Wrong> {
        let family = command.type_id.family();
        let whole = data_type.integer_range().is_some();
        let fits = match family {
            Family::SingleCommand | Family::DoubleCommand | Family::StepCommand => {
                whole || data_type == DataType::Bool
            }
            Family::SetNormalized => {
                whole || matches!(data_type, DataType::Float32 | DataType::Float64)
            }
            Family::SetFloat => matches!(data_type, DataType::Float32 | DataType::Float64),
            _ => whole,
        };
        if !fits {
            let types = match family {
                Family::SingleCommand | Family::DoubleCommand | Family::StepCommand => {
                    "`bool` or an integer type"
                }
                Family::SetNormalized => "a float type, or an integer type for the raw number",
                Family::SetFloat => "`float32` or `float64`",
                _ => "an integer type",
            };
            return Err(Wrong::new(
                format!(
                    "a `{data_type}` cannot be sent as {} ({})",
                    command.type_id,
                    family.name()
                ),
                format!("give the tag {types}, or name another command"),
            ));
        }
        let qualifier = match family {
            Family::SetBits => 0,
            _ => command.qualifier.unwrap_or(settings.qualifier),
        };
        check_qualifier(command.type_id, qualifier)?;
        let mode = match family {
            Family::SetBits => CommandMode::Direct,
            _ => command.mode.unwrap_or(settings.command),
        };
        Ok(Order { type_id: command.type_id, object: command.object, mode, qualifier })
    }

    /// The command's content, or why this value cannot be commanded.
    pub fn element(&self, value: &Value, stage: Stage) -> Result<Element, String> {
        let qualifier = CommandQualifier { code: self.qualifier, stage };
        let set = SetQualifier { code: self.qualifier, stage };
        Ok(match self.type_id.family() {
            Family::SingleCommand => {
                let on = self.whole(value, 0, 1)? == 1;
                Element::SingleCommand { on, qualifier }
            }
            Family::DoubleCommand => Element::DoubleCommand { state: self.pair(value)?, qualifier },
            Family::StepCommand => Element::StepCommand { direction: self.pair(value)?, qualifier },
            Family::SetNormalized => {
                let raw = match value {
                    Value::F64(fraction) => self.normalized(*fraction)?,
                    other => self.whole(other, i16::MIN.into(), i16::MAX.into())? as i16,
                };
                Element::SetNormalized { raw, qualifier: set }
            }
            Family::SetScaled => {
                let value = self.whole(value, i16::MIN.into(), i16::MAX.into())? as i16;
                Element::SetScaled { value, qualifier: set }
            }
            Family::SetFloat => {
                let Value::F64(number) = value else { return Err(self.unfit(value)) };
                let short = *number as f32;
                if !short.is_finite() {
                    return Err(self.unfit(value));
                }
                Element::SetFloat { value: short, qualifier: set }
            }
            _ => Element::SetBits { bits: self.whole(value, 0, u32::MAX.into())? as u32 },
        })
    }

    /// Off and on, lower and higher: 1 and 2, or a bool.
    fn pair(&self, value: &Value) -> Result<u8, String> {
        match value {
            Value::Bool(on) => Ok(if *on { 2 } else { 1 }),
            other => Ok(self.whole(other, 1, 2)? as u8),
        }
    }

    fn normalized(&self, fraction: f64) -> Result<i16, String> {
        let raw = (fraction * 32_768.0).round();
        match (-32_768.0..=32_767.0).contains(&raw) {
            true => Ok(raw as i16),
            false => {
                Err(format!("{fraction} is outside -1 to 0.99997, the range of {}", self.type_id))
            }
        }
    }

    fn whole(&self, value: &Value, min: i64, max: i64) -> Result<i64, String> {
        let number = match value {
            Value::Bool(on) => i128::from(*on),
            Value::I64(number) => i128::from(*number),
            Value::U64(number) => i128::from(*number),
            _ => return Err(self.unfit(value)),
        };
        match number >= i128::from(min) && number <= i128::from(max) {
            true => Ok(number as i64),
            false => {
                Err(format!("{number} is outside {min} to {max}, the range of {}", self.type_id))
            }
        }
    }

    fn unfit(&self, value: &Value) -> String {
        format!("{value:?} cannot be sent as {}", self.type_id)
    }
}
