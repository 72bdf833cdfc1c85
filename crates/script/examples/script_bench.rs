//! What a call costs: a small function, one that loops, one over a text, and what making an engine takes.
//! `cargo run --release -p tagwerk-script --example script_bench`
#![allow(clippy::print_stdout, reason = "it prints a table")]

use std::sync::Arc;
use tagwerk_env::{Clock, Env};
use tagwerk_model::{DataType, ValueRef};
use tagwerk_script::{Fault, Script, Signature};

const CALLS: u32 = 100_000;
const ENGINES: u32 = 200;
const DEW: &str = "function f(t, h) {
  if (h === null || h <= 0) return null
  const gamma = Math.log(h / 100) + 17.62 * t / (243.12 + t)
  return t - 243.12 * gamma / (17.62 - gamma)
}";
const LOOP: &str =
    "function f(t, h) { let sum = 0; for (let i = 0; i < 1000; i++) sum += t * i; return sum }";
const TEXT: &str =
    "function f(t, h) { return `${t}/${h}`.split('/').map(Number).reduce((a, b) => a + b) }";

fn main() -> Result<(), Fault> {
    let clock = Env::system().clock;
    for (what, source) in [("dew margin", DEW), ("loop of 1000", LOOP), ("text", TEXT)] {
        let script = compile(&clock, source)?;
        let each = time(&clock, CALLS, &mut |call| {
            let values = [Some(ValueRef::F64(f64::from(call))), Some(ValueRef::F64(60.0))];
            script.call(&values).map(|_| ())
        })?;
        println!("{what}: {each:.2} µs for a call, {:.0} a second", 1e6 / each);
    }
    let each = time(&clock, CALLS, &mut |call| {
        std::hint::black_box(dew(std::hint::black_box(f64::from(call)), 60.0));
        Ok(())
    })?;
    println!("dew margin, built in: {each:.3} µs");
    let each = time(&clock, ENGINES, &mut |_| compile(&clock, DEW).map(|_| ()))?;
    println!("an engine: {each:.0} µs");
    Ok(())
}

fn compile(clock: &Arc<dyn Clock>, source: &str) -> Result<Script, Fault> {
    let arguments = vec![DataType::Float64, DataType::Float64];
    Script::compile(clock.clone(), "f", source, Signature { arguments, returns: DataType::Float64 })
}

/// Microseconds for one.
fn time(
    clock: &Arc<dyn Clock>,
    count: u32,
    work: &mut dyn FnMut(u32) -> Result<(), Fault>,
) -> Result<f64, Fault> {
    let begun = clock.now();
    for call in 0..count {
        work(call)?;
    }
    Ok(clock.now().since(begun).as_secs_f64() * 1e6 / f64::from(count))
}

fn dew(t: f64, h: f64) -> f64 {
    let gamma = (h / 100.0).ln() + 17.62 * t / (243.12 + t);
    t - 243.12 * gamma / (17.62 - gamma)
}
