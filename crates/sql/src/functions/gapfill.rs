//! `time_bucket_gapfill`, `locf` and `interpolate`: names that the gap fill looks for in a plan and
//! replaces (`gapfill`). Where they are left over, they say where they belong.

use arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

pub const BUCKET: &str = "time_bucket_gapfill";
pub const CARRY: &str = "locf";
pub const INTERPOLATE: &str = "interpolate";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    Bucket,
    Carry,
    Interpolate,
}

pub const ALL: &[Role] = &[Role::Bucket, Role::Carry, Role::Interpolate];

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Marker {
    role: Role,
    signature: Signature,
}

pub fn new(role: Role) -> Marker {
    let counts = match role {
        Role::Bucket => vec![TypeSignature::Any(2), TypeSignature::Any(4)],
        Role::Carry | Role::Interpolate => vec![TypeSignature::Any(1)],
    };
    Marker { role, signature: Signature::one_of(counts, Volatility::Immutable) }
}

impl ScalarUDFImpl for Marker {
    fn name(&self) -> &str {
        match self.role {
            Role::Bucket => BUCKET,
            Role::Carry => CARRY,
            Role::Interpolate => INTERPOLATE,
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match (self.role, arguments) {
            (Role::Bucket, [_, time @ DataType::Timestamp(..), ..]) => Ok(time.clone()),
            (Role::Bucket, [_, other, ..]) => {
                plan_err!("the second argument of {BUCKET} is a time, not {other}")
            }
            (Role::Interpolate, [value]) if value.is_numeric() || value.is_null() => {
                Ok(DataType::Float64)
            }
            (Role::Interpolate, [other]) => plan_err!(
                "{INTERPOLATE} takes a number, not {other}; {CARRY} takes values of every type"
            ),
            (Role::Carry, [value]) => Ok(value.clone()),
            _ => plan_err!("{} takes other arguments", self.name()),
        }
    }

    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match self.role {
            Role::Bucket => plan_err!(
                "{BUCKET} stands in a place where it cannot be computed; it is one of the \
                 expressions of GROUP BY, alone: GROUP BY {BUCKET}('1 minute', time), tag"
            ),
            Role::Carry | Role::Interpolate => {
                let name = self.name();
                plan_err!(
                    "{name} stands in a place where it cannot be computed; it stands in the SELECT \
                     list of a statement that groups by {BUCKET}: SELECT {name}(avg(value))"
                )
            }
        }
    }
}
