//! The packaging machine's registers: the one place that says where a value lies, what it is called
//! and how it is scaled. Its controller keeps the low word first (CDAB); the checkweigher behind it
//! has orders of its own.

use crate::packer::{MOTORS, Packer, State};
use crate::table::{Access, Circuit, Kind, Order, Table, Tag, coil, discrete, holding, input, tag};

/// The groups of this device and their intervals.
pub const GROUPS: &[(&str, &str)] = &[
    ("fast", "250ms"),
    ("process", "1s"),
    ("motors", "1s"),
    ("checkweigher", "2s"),
    ("settings", "5s"),
    ("counters", "10s"),
];

pub fn table() -> Table<Packer> {
    let mut table = Table::default();
    fast(&mut table);
    process(&mut table);
    oee(&mut table);
    motors(&mut table);
    checkweigher(&mut table);
    settings(&mut table);
    switches(&mut table);
    alarms(&mut table);
    counters(&mut table);
    table
}

fn fast(t: &mut Table<Packer>) {
    use Kind::*;
    let g = "fast";
    t.read(
        tag(g, "state", input(0), Uint16)
            .says("PackML state: 2 stopped, 3 starting, 6 execute, 7 stopping, 11 held")
            .on_change(),
        |p| p.state as u64,
    );
    t.read(
        tag(g, "fault_code", input(1), Uint16).says("0 none, 417 jam at the infeed").on_change(),
        |p| p.fault_code(),
    );
    t.read(tag(g, "actual_speed", input(2), Float32).unit("1/min").says("Packs per minute"), |p| {
        p.seen.speed
    });
    t.read(tag(g, "good_count", input(4), Uint32).says("Good packs"), |p| p.total.good);
    t.read(tag(g, "reject_count", input(6), Uint32).says("Packs rejected"), |p| p.total.rejects);
    t.read(tag(g, "infeed_count", input(8), Uint32).says("Packs taken in"), |p| {
        p.total.good + p.total.rejects
    });
    t.read(
        tag(g, "servo_position", input(18), Int32).unit("µm").says("Position of the cross jaw"),
        |p| p.position_um,
    );
    let says = "Counts the reads of itself: each answer is one more than the last";
    let at = input(900).order(Order::Abcd);
    t.read(tag(g, "answer_number", at, Uint64).says(says), |_| 0u64);
}

fn process(t: &mut Table<Packer>) {
    use Kind::*;
    let g = "process";
    t.read(tag(g, "film_left", input(10), Float32).unit("m").says("Film left on the reel"), |p| {
        p.film_m
    });
    t.read(
        tag(g, "film_tension", input(12), Int16).slope(0.1).unit("N").says("Tension of the film"),
        |p| p.seen.film_n,
    );
    t.read(
        tag(g, "seal_temperature_1", input(13), Int16)
            .slope(0.1)
            .unit("°C")
            .says("Temperature of the front sealing jaw")
            .circuit(Circuit::Probe),
        |p| p.seen.seal_temperature[0],
    );
    t.read(
        tag(g, "seal_temperature_2", input(14), Int16)
            .slope(0.1)
            .unit("°C")
            .says("Temperature of the rear sealing jaw"),
        |p| p.seen.seal_temperature[1],
    );
    t.read(
        tag(g, "seal_pressure", input(15), Uint16).slope(0.01).unit("bar").says("Sealing pressure"),
        |p| p.seen.seal_bar,
    );
    t.read(
        tag(g, "air_pressure", input(16), Uint16).slope(0.01).unit("bar").says("Compressed air"),
        |p| p.seen.air_bar,
    );
    t.read(
        tag(g, "vibration", input(17), Uint16)
            .slope(0.01)
            .unit("mm/s")
            .says("Vibration of the main drive")
            .deadband(0.1),
        |p| p.seen.vibration,
    );
    t.read(tag(g, "cycle_time", input(20), Float32).unit("ms").says("Time for one pack"), |p| {
        p.cycle_ms()
    });
    t.read(tag(g, "power", input(22), Float32).unit("kW").says("Electrical power"), |p| {
        p.seen.power_kw
    });
    t.read(
        tag(g, "state_seconds", input(24), Uint32).unit("s").says("Time in the present state"),
        |p| p.state_s as u64,
    );
    t.read(
        tag(g, "speed_deviation", input(26), Int16)
            .slope(0.1)
            .unit("1/min")
            .says("Actual speed less its setpoint"),
        |p| p.seen.speed - p.set.speed,
    );
}

fn oee(t: &mut Table<Packer>) {
    let part = |name: &'static str, at: u16, says: &str| {
        tag("process", name, input(at), Kind::Float32).unit("%").says(says).deadband(0.05)
    };
    t.read(part("availability", 100, "OEE: time run of time planned"), |p| {
        p.availability() * 100.0
    });
    t.read(part("performance", 102, "OEE: packs of packs possible"), |p| p.performance() * 100.0);
    t.read(part("quality", 104, "OEE: good packs of all packs"), |p| p.quality() * 100.0);
    t.read(part("oee", 106, "Overall equipment effectiveness"), |p| p.oee() * 100.0);
}

fn motors(t: &mut Table<Packer>) {
    use Kind::*;
    let drives = ["infeed", "film", "cross jaw", "knife", "outfeed", "labeller"];
    for (motor, drive) in drives.iter().enumerate().take(MOTORS) {
        let at = 40 + 4 * motor as u16;
        let tag = |what: &str, at: u16, kind: Kind| -> Tag {
            tag("motors", format!("motor_{}_{what}", motor + 1), input(at), kind)
        };
        t.read(
            tag("current", at, Float32).unit("A").says(format!("Motor current, {drive}")),
            move |p| p.seen.motor_a[motor],
        );
        t.read(
            tag("temperature", at + 2, Int16)
                .slope(0.1)
                .unit("°C")
                .says(format!("Winding temperature, {drive}")),
            move |p| p.seen.motor_temperature[motor],
        );
        t.read(
            tag("speed", at + 3, Int16).unit("rpm").says(format!("Motor speed, {drive}")),
            move |p| p.seen.motor_rpm[motor],
        );
    }
}

fn checkweigher(t: &mut Table<Packer>) {
    use Kind::*;
    let tag = |name: &'static str, offset: u16, order: Order, kind: Kind| {
        tag("checkweigher", name, input(offset).order(order), kind).circuit(Circuit::Analyser)
    };
    t.read(
        tag("weight", 200, Order::Badc, Float32).unit("g").says("Weight of the last pack"),
        |p| p.seen.weight_g,
    );
    t.read(tag("weighed_count", 202, Order::Dcba, Uint32).says("Packs weighed"), |p| {
        p.total.weighed
    });
    t.read(
        tag("weight_mean", 204, Order::Abcd, Float32).unit("g").says("Mean weight of 50 packs"),
        |p| p.weight_mean_g,
    );
}

fn settings(t: &mut Table<Packer>) {
    use Kind::*;
    let g = "settings";
    t.write(
        tag(g, "speed_setpoint", holding(0), Float32)
            .unit("1/min")
            .says("Setpoint of the speed")
            .range(0.0, 120.0),
        |p| p.set.speed,
        |p, v| p.set.speed = v.real(),
    );
    t.write(
        tag(g, "seal_temperature_setpoint", holding(2), Int16)
            .slope(0.1)
            .unit("°C")
            .says("Setpoint of the sealing jaws")
            .range(100.0, 220.0),
        |p| p.set.seal_temperature,
        |p, v| p.set.seal_temperature = v.real(),
    );
    t.write(
        tag(g, "batch_size", holding(3), Uint32).says("Packs in a batch").range(0.0, 1_000_000.0),
        |p| p.set.batch_size,
        |p, v| p.set.batch_size = v.real() as u64,
    );
    t.write(
        tag(g, "reject_limit", holding(5), Uint16)
            .unit("%")
            .says("Share of rejects that raises an alarm")
            .range(0.0, 50.0),
        |p| p.set.reject_limit_pct,
        |p, v| p.set.reject_limit_pct = v.real(),
    );
    t.write(
        tag(g, "weight_target", holding(6), Float32)
            .unit("g")
            .says("Target weight of a pack")
            .range(10.0, 1000.0),
        |p| p.set.weight_g,
        |p, v| p.set.weight_g = v.real(),
    );
    t.write(
        tag(g, "weight_offset", holding(8), Int32)
            .unit("mg")
            .says("Correction of the dosing")
            .range(-5000.0, 5000.0),
        |p| p.set.weight_offset_mg,
        |p, v| p.set.weight_offset_mg = v.real() as i64,
    );
    t.write(
        tag(g, "recipe", holding(60).bytes(16), Text).says("Recipe in use").on_change(),
        |p| p.set.recipe.clone(),
        |p, v| p.set.recipe = v.text().into(),
    );
    t.read(
        tag(g, "name_plate", holding(68).bytes(16), Text)
            .says("Name on the type plate")
            .on_change(),
        |p| p.name.to_string(),
    );
    t.read(
        tag(g, "firmware", holding(76).bytes(8), Text)
            .says("Firmware of the controller")
            .on_change(),
        |_| "V2.08".to_string(),
    );
}

fn switches(t: &mut Table<Packer>) {
    let switch = |name: &'static str, at: u16, says: &str| {
        tag("process", name, coil(at), Kind::Bool).says(says).on_change()
    };
    t.write(
        switch("start", 0, "Starts the machine, and clears itself"),
        |p| p.set.start,
        |p, v| p.set.start = v.flag(),
    );
    t.write(
        switch("stop", 1, "Stops the machine, and clears itself"),
        |p| p.set.stop,
        |p, v| p.set.stop = v.flag(),
    );
    let mut reset = switch("reset", 2, "Clears a jam");
    reset.access = Access::Write;
    reset.on_change = false;
    t.write(reset, |p| p.set.reset, |p, v| p.set.reset = v.flag());
    t.write(
        switch("light", 3, "Light in the machine"),
        |p| p.set.light,
        |p, v| p.set.light = v.flag(),
    );
    t.write(
        switch("lane_1", 4, "Lane 1 in use"),
        |p| p.set.lanes[0],
        |p, v| p.set.lanes[0] = v.flag(),
    );
    t.write(
        switch("lane_2", 5, "Lane 2 in use"),
        |p| p.set.lanes[1],
        |p, v| p.set.lanes[1] = v.flag(),
    );
    t.write(
        switch("purge", 6, "Flush with nitrogen"),
        |p| p.set.purge,
        |p, v| {
            p.set.purge = v.flag();
        },
    );
    let contact = |name: &'static str, at: u16, says: &str| {
        tag("process", name, discrete(at), Kind::Bool).says(says).on_change()
    };
    t.read(contact("running", 0, "Machine runs"), |p| p.running());
    t.read(contact("guard_closed", 1, "Guard doors are closed"), |_| true);
    t.read(contact("infeed_ready", 2, "Product at the infeed"), |p| !p.jammed);
    t.read(contact("outfeed_clear", 3, "Outfeed is clear"), |_| true);
    t.read(contact("film_present", 4, "Film is threaded"), |p| p.film_m > 0.0);
    t.read(contact("beacon_red", 5, "Red beacon"), |p| p.jammed);
    t.read(contact("beacon_yellow", 6, "Yellow beacon"), |p| p.state == State::Starting);
    t.read(contact("beacon_green", 7, "Green beacon"), |p| p.running());
}

fn alarms(t: &mut Table<Packer>) {
    let alarm = |name: &'static str, bit: u8, says: &str| {
        tag("fast", name, holding(40).bit(bit), Kind::Bool).says(says).on_change()
    };
    t.read(alarm("jam", 0, "Jam at the infeed"), |p| p.jammed);
    t.read(alarm("guard_open", 1, "A guard door is open"), |_| false);
    t.read(alarm("film_low", 2, "Less than 60 m of film"), |p| p.film_low());
    t.read(alarm("seal_cold", 3, "Sealing jaws too cold"), |p| p.seal_cold());
    t.read(alarm("reject_rate_high", 4, "Too many rejects"), |p| p.rejecting());
    t.read(alarm("any_alarm", 15, "At least one alarm stands"), |p| {
        p.jammed || p.film_low() || p.seal_cold() || p.rejecting()
    });
}

fn counters(t: &mut Table<Packer>) {
    use Kind::*;
    let g = "counters";
    t.read(
        tag(g, "lifetime_counter", input(300), Uint64).says("Encoder pulses since commissioning"),
        |p| p.total.pulses,
    );
    t.read(tag(g, "energy", input(304), Float64).unit("kWh").says("Electrical energy"), |p| {
        p.total.energy_kwh
    });
    t.read(tag(g, "run_hours", input(308), Uint32).slope(0.01).unit("h").says("Hours run"), |p| {
        p.total.run_s / 3600.0
    });
    t.read(
        tag(g, "stop_hours", input(310), Uint32).slope(0.01).unit("h").says("Hours stopped"),
        |p| p.total.stop_s / 3600.0,
    );
    t.read(tag(g, "jam_count", input(312), Uint32).says("Jams since commissioning"), |p| {
        p.total.jams
    });
    t.read(
        tag(g, "batch_balance", input(314), Int64).says("Good packs less the batch ordered"),
        |p| p.total.good as i64 % 100_000 - p.set.batch_size as i64,
    );
    t.read(
        tag(g, "film_used", input(318), Float64).unit("m").says("Film since commissioning"),
        |p| p.total.film_m,
    );
    t.read(
        tag(g, "plant_seconds", input(904), Uint32)
            .unit("s")
            .says("Seconds since the plant started"),
        |p| p.seconds as u64,
    );
}
