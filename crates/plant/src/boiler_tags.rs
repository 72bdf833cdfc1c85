//! The boiler's registers: the one place that says where a value lies, what it is called and how
//! it is scaled. The configuration document and the answers to masters both come from here.

use crate::boiler::{Boiler, Burner};
use crate::table::{Circuit, Kind, Table, coil, discrete, holding, input, tag};

/// The groups of this device and their intervals.
pub const GROUPS: &[(&str, &str)] = &[
    ("fast", "250ms"),
    ("process", "1s"),
    ("analyser", "2s"),
    ("settings", "5s"),
    ("counters", "10s"),
];

pub fn table() -> Table<Boiler> {
    let mut table = Table::default();
    fast(&mut table);
    process(&mut table);
    deviations(&mut table);
    auxiliaries(&mut table);
    analyser(&mut table);
    settings(&mut table);
    switches(&mut table);
    alarms(&mut table);
    counters(&mut table);
    table
}

fn fast(t: &mut Table<Boiler>) {
    use Kind::*;
    let g = "fast";
    t.read(tag(g, "drum_pressure", input(0), Float32).unit("bar").says("Drum pressure"), |b| {
        b.seen.pressure_bar
    });
    t.read(
        tag(g, "water_level", input(2), Float32).unit("%").says("Water level in the drum"),
        |b| b.seen.level_pct,
    );
    t.read(
        tag(g, "steam_flow", input(4), Float32).unit("kg/h").says("Steam drawn by the consumers"),
        |b| b.seen.steam_kg_h,
    );
    t.read(
        tag(g, "feed_water_flow", input(6), Float32).unit("kg/h").says("Feed water into the drum"),
        |b| b.seen.feed_kg_h,
    );
    t.read(
        tag(g, "gas_flow", input(8), Float32).unit("m³/h").says("Natural gas to the burner"),
        |b| b.seen.gas_m3_h,
    );
    t.read(
        tag(g, "burner_state", input(15), Uint16)
            .says("Burner: 0 off, 1 purge, 2 ignition, 3 firing, 4 lockout")
            .on_change(),
        |b| b.burner as u64,
    );
    t.read(
        tag(g, "burner_modulation", input(16), Uint16).slope(0.01).unit("%").says("Firing rate"),
        |b| if b.flame() { b.fire * 100.0 } else { 0.0 },
    );
    let flame = tag(g, "flame", discrete(0), Bool).says("Flame detected").on_change();
    t.read(flame, |b| b.flame());
    let state = "Counts the reads of itself: each answer is one more than the last";
    t.read(tag(g, "answer_number", input(900), Uint64).says(state), |_| 0u64);
}

fn process(t: &mut Table<Boiler>) {
    use Kind::*;
    let g = "process";
    t.read(
        tag(g, "steam_temperature", input(10), Float32).unit("°C").says("Steam temperature"),
        |b| b.seen.steam_temperature,
    );
    t.read(
        tag(g, "gas_temperature", input(12), Int16)
            .slope(0.1)
            .unit("°C")
            .says("Temperature of the gas supply"),
        |b| b.seen.gas_temperature,
    );
    t.read(
        tag(g, "feed_valve", input(13), Uint16)
            .scaled((0.0, 65535.0), (0.0, 100.0))
            .unit("%")
            .says("Position of the feed water valve"),
        |b| b.valve * 100.0,
    );
    t.read(
        tag(g, "flue_gas_temperature", input(14), Int16)
            .slope(0.1)
            .unit("°C")
            .says("Flue gas temperature behind the economiser")
            .circuit(Circuit::Probe),
        |b| b.seen.flue_temperature,
    );
    t.read(
        tag(g, "air_damper", input(17), Uint16).slope(0.01).unit("%").says("Air damper position"),
        |b| if b.flame() { 12.0 + b.fire * 88.0 } else { 0.0 },
    );
    t.read(
        tag(g, "fan_speed", input(18), Uint16).unit("rpm").says("Speed of the combustion air fan"),
        |b| b.seen.fan_rpm,
    );
    t.read(
        tag(g, "draught", input(19), Int16).slope(0.01).unit("mbar").says("Draught in the stack"),
        |b| b.seen.draught_mbar,
    );
    t.read(
        tag(g, "thermal_power", input(26), Float32).unit("kW").says("Heat into the steam"),
        |b| b.power_kw(),
    );
    t.read(tag(g, "efficiency", input(28), Float32).unit("%").says("Boiler efficiency"), |b| {
        b.efficiency_pct()
    });
    t.read(
        tag(g, "heat_surplus", input(30), Int32)
            .unit("W")
            .says("Heat stored, negative while the pressure falls"),
        |b| b.heat_surplus_w(),
    );
}

fn deviations(t: &mut Table<Boiler>) {
    use Kind::*;
    let g = "process";
    t.read(
        tag(g, "level_deviation", input(32), Int16)
            .slope(0.01)
            .unit("%")
            .says("Water level less its setpoint"),
        |b| b.seen.level_pct - b.set.level_pct,
    );
    t.read(
        tag(g, "pressure_deviation", input(33), Int16)
            .slope(0.001)
            .unit("bar")
            .says("Drum pressure less its setpoint"),
        |b| b.seen.pressure_bar - b.set.pressure_bar,
    );
    t.read(
        tag(g, "flame_signal", input(34), Uint16).slope(0.1).unit("µA").says("Ionisation current"),
        |b| b.seen.flame_ua,
    );
}

fn auxiliaries(t: &mut Table<Boiler>) {
    use Kind::*;
    let g = "process";
    t.read(
        tag(g, "feed_water_temperature", input(20), Int16)
            .slope(0.1)
            .unit("°C")
            .says("Feed water temperature behind the deaerator")
            .deadband(0.2),
        |b| b.seen.feed_temperature,
    );
    t.read(
        tag(g, "condensate_temperature", input(21), Int16)
            .slope(0.1)
            .unit("°C")
            .says("Condensate return temperature")
            .deadband(0.5),
        |b| b.seen.condensate_temperature,
    );
    t.read(
        tag(g, "room_temperature", input(22), Int16)
            .slope(0.1)
            .unit("°C")
            .says("Air temperature in the boiler house")
            .deadband(0.5),
        |b| b.seen.room_temperature,
    );
    t.read(
        tag(g, "gas_pressure", input(23), Uint16)
            .slope(0.1)
            .unit("mbar")
            .says("Gas pressure before the valve train"),
        |b| b.seen.gas_mbar,
    );
    t.read(
        tag(g, "air_pressure", input(24), Uint16)
            .slope(0.1)
            .unit("mbar")
            .says("Combustion air pressure"),
        |b| b.seen.air_mbar,
    );
    t.read(
        tag(g, "drum_wall_temperature", input(25), Int16)
            .slope(0.1)
            .unit("°C")
            .says("Temperature of the drum wall")
            .circuit(Circuit::Probe),
        |b| b.seen.wall_temperature,
    );
    t.read(
        tag(g, "conductivity", input(35), Uint16)
            .unit("µS/cm")
            .says("Conductivity of the boiler water"),
        |b| b.seen.conductivity,
    );
    t.read(tag(g, "ph", input(36), Uint16).slope(0.01).says("pH of the boiler water"), |b| {
        b.seen.ph
    });
}

fn analyser(t: &mut Table<Boiler>) {
    use Kind::*;
    let tag = |name: &'static str, offset: u16| {
        tag("analyser", name, input(offset), Float32).circuit(Circuit::Analyser)
    };
    t.read(tag("flue_gas_o2", 200).unit("%").says("Oxygen in the flue gas"), |b| b.seen.o2_pct);
    t.read(tag("flue_gas_co", 202).unit("ppm").says("Carbon monoxide in the flue gas"), |b| {
        b.seen.co_ppm
    });
    t.read(tag("flue_gas_co2", 204).unit("%").says("Carbon dioxide in the flue gas"), |b| {
        (20.9 - b.seen.o2_pct) * 0.563
    });
    t.read(tag("flue_gas_nox", 206).unit("mg/m³").says("Nitrogen oxides in the flue gas"), |b| {
        b.seen.nox_mg
    });
}

fn settings(t: &mut Table<Boiler>) {
    use Kind::*;
    let g = "settings";
    t.write(
        tag(g, "pressure_setpoint", holding(0), Float32)
            .unit("bar")
            .says("Setpoint of the drum pressure")
            .range(4.0, 12.0),
        |b| b.set.pressure_bar,
        |b, v| b.set.pressure_bar = v.real(),
    );
    t.write(
        tag(g, "level_setpoint", holding(2), Float32)
            .unit("%")
            .says("Setpoint of the water level")
            .range(30.0, 70.0),
        |b| b.set.level_pct,
        |b, v| b.set.level_pct = v.real(),
    );
    t.write(
        tag(g, "modulation_max", holding(4), Uint16)
            .unit("%")
            .says("Highest firing rate allowed")
            .range(20.0, 100.0),
        |b| b.set.modulation_max_pct,
        |b, v| b.set.modulation_max_pct = v.real(),
    );
    t.write(
        tag(g, "modulation_min", holding(5), Uint16)
            .unit("%")
            .says("Lowest firing rate")
            .range(5.0, 30.0),
        |b| b.set.modulation_min_pct,
        |b, v| b.set.modulation_min_pct = v.real(),
    );
    limits(t);
    names(t);
}

fn limits(t: &mut Table<Boiler>) {
    use Kind::*;
    let g = "settings";
    t.write(
        tag(g, "high_pressure_limit", holding(6), Float32)
            .unit("bar")
            .says("Drum pressure that stops the burner")
            .range(6.0, 16.0),
        |b| b.set.high_pressure_bar,
        |b, v| b.set.high_pressure_bar = v.real(),
    );
    t.write(
        tag(g, "low_level_limit", holding(8), Float32)
            .unit("%")
            .says("Water level that locks the burner out")
            .range(10.0, 40.0),
        |b| b.set.low_level_pct,
        |b, v| b.set.low_level_pct = v.real(),
    );
    t.write(
        tag(g, "high_level_limit", holding(10), Float32)
            .unit("%")
            .says("Water level that raises the high alarm")
            .range(60.0, 90.0),
        |b| b.set.high_level_pct,
        |b, v| b.set.high_level_pct = v.real(),
    );
    t.write(
        tag(g, "steam_demand", holding(12), Int32)
            .unit("kg/h")
            .says("Steam the consumers ask for on average")
            .range(0.0, 7000.0),
        |b| b.set.steam_demand_kg_h,
        |b, v| b.set.steam_demand_kg_h = v.real(),
    );
    t.write(
        tag(g, "control_mode", holding(14), Uint16)
            .says("0 manual, 1 automatic, 2 remote")
            .range(0.0, 2.0)
            .on_change(),
        |b| b.set.mode,
        |b, v| b.set.mode = v.real() as u64,
    );
}

fn names(t: &mut Table<Boiler>) {
    use Kind::*;
    let g = "settings";
    t.write(
        tag(g, "night_mode", coil(5), Bool).says("Lowers the pressure by 1 bar"),
        |b| b.set.night,
        |b, v| b.set.night = v.flag(),
    );
    t.write(
        tag(g, "auto_blowdown", coil(6), Bool)
            .says("Blows down by itself when the conductivity is high"),
        |b| b.set.auto_blowdown,
        |b, v| b.set.auto_blowdown = v.flag(),
    );
    t.write(
        tag(g, "operator", holding(60).bytes(16), Text).says("Who is on shift").on_change(),
        |b| b.set.operator.clone(),
        |b, v| b.set.operator = v.text().into(),
    );
    t.read(
        tag(g, "name_plate", holding(70).bytes(16), Text)
            .says("Name on the type plate")
            .on_change(),
        |b| b.name.to_string(),
    );
    t.read(
        tag(g, "firmware", holding(78).bytes(8), Text)
            .says("Firmware of the controller")
            .on_change(),
        |_| "4.12.3".to_string(),
    );
}

fn switches(t: &mut Table<Boiler>) {
    let g = "process";
    let switch = |name: &'static str, at: u16, says: &str| {
        tag(g, name, coil(at), Kind::Bool).says(says).on_change()
    };
    t.write(
        switch("running", 0, "Boiler switched on"),
        |b| b.set.running,
        |b, v| b.set.running = v.flag(),
    );
    t.write(
        switch("feed_pump_1", 1, "Feed pump 1 switched on"),
        |b| b.set.feed_pumps[0],
        |b, v| b.set.feed_pumps[0] = v.flag(),
    );
    t.write(
        switch("feed_pump_2", 2, "Feed pump 2 switched on"),
        |b| b.set.feed_pumps[1],
        |b, v| b.set.feed_pumps[1] = v.flag(),
    );
    t.write(
        switch("blowdown", 3, "Blowdown valve opened by hand"),
        |b| b.set.blowdown,
        |b, v| b.set.blowdown = v.flag(),
    );
    t.write(
        switch("reset_alarms", 4, "Resets the lockout, and clears itself"),
        |b| b.set.reset_alarms,
        |b, v| b.set.reset_alarms = v.flag(),
    );
    let contact = |name: &'static str, at: u16, says: &str| {
        tag(g, name, discrete(at), Kind::Bool).says(says).on_change()
    };
    t.read(contact("gas_valve_1", 1, "First gas valve is open"), |b| b.flame());
    t.read(contact("gas_valve_2", 2, "Second gas valve is open"), |b| {
        matches!(b.burner, Burner::Firing | Burner::Ignition)
    });
    t.read(contact("fan_running", 3, "Combustion air fan runs"), |b| b.seen.fan_rpm > 100.0);
    t.read(contact("feed_pump_1_runs", 4, "Feed pump 1 runs"), |b| b.pump_running(0));
    t.read(contact("feed_pump_2_runs", 5, "Feed pump 2 runs"), |b| b.pump_running(1));
    t.read(contact("ignition", 6, "Ignition spark"), |b| b.burner == Burner::Ignition);
    t.read(contact("low_water_switch", 7, "Low water limiter has tripped"), |b| b.low_level());
    t.read(contact("high_pressure_switch", 8, "Pressure limiter has tripped"), |b| {
        b.high_pressure()
    });
    t.read(contact("emergency_stop_ok", 9, "Emergency stop is not pressed"), |_| true);
    t.read(contact("blowdown_open", 10, "Blowdown valve is open"), |b| b.blowdown_open());
    t.read(contact("door_closed", 11, "Burner door is closed"), |_| true);
}

fn alarms(t: &mut Table<Boiler>) {
    let alarm = |name: &'static str, register: u16, bit: u8, says: &str| {
        tag("fast", name, holding(register).bit(bit), Kind::Bool).says(says).on_change()
    };
    t.read(alarm("high_pressure", 40, 0, "Drum pressure above its limit"), |b| b.high_pressure());
    t.read(alarm("low_level", 40, 1, "Water level below its limit"), |b| b.low_level());
    t.read(alarm("high_level", 40, 2, "Water level above its limit"), |b| b.high_level());
    t.read(alarm("flame_failure", 40, 3, "The flame was lost; the burner is locked out"), |b| {
        b.burner == Burner::Lockout && !b.low_level()
    });
    t.read(alarm("feed_pump_off", 40, 4, "No feed pump runs"), |b| b.no_feed_pump());
    t.read(alarm("conductivity_high", 40, 5, "Boiler water too conductive"), |b| b.conductive());
    t.read(alarm("lockout", 40, 8, "Burner locked out"), |b| b.burner == Burner::Lockout);
    t.read(alarm("any_alarm", 40, 15, "At least one alarm stands"), |b| b.alarm());
    t.read(alarm("service_due", 41, 0, "Service is due"), |b| {
        b.total.firing_s % 7_200_000.0 > 7_000_000.0
    });
    t.read(alarm("flue_gas_hot", 41, 1, "Flue gas hotter than 200 °C"), |b| {
        b.seen.flue_temperature > 200.0
    });
    t.read(alarm("oxygen_low", 41, 2, "Too little air in the combustion"), |b| b.seen.o2_pct < 2.0);
}

fn counters(t: &mut Table<Boiler>) {
    use Kind::*;
    let g = "counters";
    t.read(
        tag(g, "gas_counter", input(300), Uint64).unit("dm³").says("Gas since commissioning"),
        |b| b.total.gas_dm3 as u64,
    );
    t.read(
        tag(g, "gas_meter", input(304), Uint32).unit("m³").says("Gas meter of the building"),
        |b| b.total.gas_dm3 as u64 / 1000,
    );
    t.read(
        tag(g, "steam_total", input(306), Uint64).unit("kg").says("Steam since commissioning"),
        |b| b.total.steam_kg as u64,
    );
    t.read(
        tag(g, "feed_water_total", input(310), Uint64)
            .unit("kg")
            .says("Feed water since commissioning"),
        |b| b.total.water_kg as u64,
    );
    t.read(tag(g, "burner_starts", input(314), Uint32).says("Starts of the burner"), |b| {
        b.total.starts
    });
    t.read(
        tag(g, "run_hours", input(316), Uint32).slope(0.01).unit("h").says("Hours switched on"),
        |b| b.total.run_s / 3600.0,
    );
    t.read(
        tag(g, "firing_hours", input(318), Uint32).slope(0.01).unit("h").says("Hours firing"),
        |b| b.total.firing_s / 3600.0,
    );
    t.read(
        tag(g, "heat_total", input(320), Float64).unit("kWh").says("Heat since commissioning"),
        |b| b.total.heat_kwh,
    );
    t.read(
        tag(g, "water_balance", input(324), Int64)
            .unit("g")
            .says("Steam less feed water since commissioning: negative, the rest is blowdown"),
        |b| ((b.total.steam_kg - b.total.water_kg) * 1000.0) as i64,
    );
    t.read(tag(g, "blowdowns", input(328), Uint16).says("Blowdowns since commissioning"), |b| {
        b.total.blowdowns
    });
    t.read(tag(g, "lockouts", input(329), Uint16).says("Lockouts since commissioning"), |b| {
        b.total.lockouts
    });
    t.read(
        tag(g, "feed_pump_1_hours", input(330), Uint32)
            .slope(0.01)
            .unit("h")
            .says("Hours of pump 1"),
        |b| b.total.pump_s[0] / 3600.0,
    );
    t.read(
        tag(g, "feed_pump_2_hours", input(332), Uint32)
            .slope(0.01)
            .unit("h")
            .says("Hours of pump 2"),
        |b| b.total.pump_s[1] / 3600.0,
    );
    t.read(
        tag(g, "plant_seconds", input(904), Uint32)
            .unit("s")
            .says("Seconds since the plant started"),
        |b| b.seconds as u64,
    );
}
