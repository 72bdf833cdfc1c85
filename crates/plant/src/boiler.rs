//! A steam boiler: drum pressure held by the burner's modulation, drum level by the feed valve,
//! consumers that draw steam, and a burner that can lose its flame. What of it lies in which
//! register is `boiler_tags.rs`.

use crate::device::{Machine, Moment};

/// Steam at full fire, kg/h.
const STEAM_MAX_KG_H: f64 = 8000.0;
/// Feed water through a fully open valve with a pump running, kg/h.
const FEED_MAX_KG_H: f64 = 11_000.0;
/// bar per second for each kg/h of steam made and not drawn.
const PRESSURE_PER_STEAM: f64 = 2e-5;
/// % per second for each kg/h of water fed and not evaporated.
const LEVEL_PER_WATER: f64 = 4e-5;
/// Natural gas for a kg of steam at 93 % efficiency, m³.
const GAS_PER_STEAM: f64 = 0.0725;
/// Heat in a kg of steam, kWh.
const HEAT_PER_STEAM: f64 = 0.68;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Burner {
    Off = 0,
    Purge = 1,
    Ignition = 2,
    Firing = 3,
    Lockout = 4,
}

/// What people set.
#[derive(Clone, Debug)]
pub struct Settings {
    pub running: bool,
    pub feed_pumps: [bool; 2],
    pub blowdown: bool,
    pub reset_alarms: bool,
    pub pressure_bar: f64,
    pub level_pct: f64,
    pub modulation_max_pct: f64,
    pub modulation_min_pct: f64,
    pub high_pressure_bar: f64,
    pub low_level_pct: f64,
    pub high_level_pct: f64,
    pub steam_demand_kg_h: f64,
    pub mode: u64,
    pub night: bool,
    pub auto_blowdown: bool,
    pub operator: String,
}

/// What the instruments show: the truth with noise, in the instrument's steps.
#[derive(Clone, Debug, Default)]
pub struct Readings {
    pub pressure_bar: f64,
    pub level_pct: f64,
    pub steam_kg_h: f64,
    pub feed_kg_h: f64,
    pub gas_m3_h: f64,
    pub steam_temperature: f64,
    pub gas_temperature: f64,
    pub flue_temperature: f64,
    pub feed_temperature: f64,
    pub condensate_temperature: f64,
    pub room_temperature: f64,
    pub wall_temperature: f64,
    pub gas_mbar: f64,
    pub air_mbar: f64,
    pub draught_mbar: f64,
    pub flame_ua: f64,
    pub conductivity: f64,
    pub ph: f64,
    pub o2_pct: f64,
    pub co_ppm: f64,
    pub nox_mg: f64,
    pub fan_rpm: f64,
}

/// What only grows.
#[derive(Clone, Debug)]
pub struct Totals {
    pub gas_dm3: f64,
    pub steam_kg: f64,
    pub water_kg: f64,
    pub heat_kwh: f64,
    pub run_s: f64,
    pub firing_s: f64,
    pub pump_s: [f64; 2],
    pub starts: u64,
    pub lockouts: u64,
    pub blowdowns: u64,
}

#[derive(Clone, Debug)]
pub struct Boiler {
    pub name: &'static str,
    pub set: Settings,
    pub seen: Readings,
    pub total: Totals,
    pub burner: Burner,
    pub pressure: f64,
    pub level: f64,
    /// Share of full fire, and of a fully open feed valve, 0 to 1.
    pub fire: f64,
    pub valve: f64,
    pub steam_kg_h: f64,
    pub feed_kg_h: f64,
    pub seconds: f64,
    burner_s: f64,
    blowdown_s: f64,
    fire_sum: f64,
    valve_sum: f64,
    wander: f64,
    flue: f64,
    conductivity: f64,
    tripped: bool,
}

impl Boiler {
    /// A boiler in the middle of its shift: at 8 bar, firing, some years old, with consumers that
    /// draw `demand` kg/h.
    pub fn new(name: &'static str, years: f64, demand: f64) -> Boiler {
        let fire = demand / STEAM_MAX_KG_H;
        let hours = years * 6500.0;
        let set = Settings {
            running: true,
            feed_pumps: [true, false],
            blowdown: false,
            reset_alarms: false,
            pressure_bar: 8.0,
            level_pct: 50.0,
            modulation_max_pct: 100.0,
            modulation_min_pct: 10.0,
            high_pressure_bar: 13.0,
            low_level_pct: 25.0,
            high_level_pct: 75.0,
            steam_demand_kg_h: demand,
            mode: 1,
            night: false,
            auto_blowdown: true,
            operator: "M. Keller".into(),
        };
        let total = Totals {
            gas_dm3: hours * demand * GAS_PER_STEAM * 1000.0,
            steam_kg: hours * demand,
            water_kg: hours * demand * 1.03,
            heat_kwh: hours * demand * HEAT_PER_STEAM,
            run_s: hours * 3600.0,
            firing_s: hours * 3400.0,
            pump_s: [hours * 2400.0, hours * 1300.0],
            starts: (years * 420.0) as u64,
            lockouts: (years * 9.0) as u64,
            blowdowns: (years * 2100.0) as u64,
        };
        Boiler {
            name,
            set,
            seen: Readings::default(),
            total,
            burner: Burner::Firing,
            pressure: 8.0,
            level: 50.0,
            fire,
            valve: demand / FEED_MAX_KG_H,
            steam_kg_h: demand,
            feed_kg_h: demand,
            seconds: 0.0,
            burner_s: 0.0,
            blowdown_s: 0.0,
            fire_sum: fire,
            valve_sum: demand / FEED_MAX_KG_H,
            wander: 0.0,
            flue: 165.0,
            conductivity: 2400.0,
            tripped: false,
        }
    }

    pub fn flame(&self) -> bool {
        self.burner == Burner::Firing
    }

    pub fn pump_running(&self, pump: usize) -> bool {
        self.set.feed_pumps[pump]
    }

    pub fn blowdown_open(&self) -> bool {
        self.set.blowdown || self.blowdown_s > 0.0
    }

    pub fn high_pressure(&self) -> bool {
        self.pressure > self.set.high_pressure_bar
    }

    pub fn low_level(&self) -> bool {
        self.level < self.set.low_level_pct
    }

    pub fn high_level(&self) -> bool {
        self.level > self.set.high_level_pct
    }

    pub fn no_feed_pump(&self) -> bool {
        !self.set.feed_pumps.contains(&true)
    }

    pub fn conductive(&self) -> bool {
        self.conductivity > 3200.0
    }

    pub fn alarm(&self) -> bool {
        self.burner == Burner::Lockout
            || self.high_pressure()
            || self.low_level()
            || self.high_level()
            || self.no_feed_pump()
            || self.conductive()
    }

    /// Heat into the steam, kW.
    pub fn power_kw(&self) -> f64 {
        self.fire_now() * STEAM_MAX_KG_H * HEAT_PER_STEAM
    }

    /// Steam made less steam drawn, as heat, W: negative while the pressure falls.
    pub fn heat_surplus_w(&self) -> f64 {
        (self.fire_now() * STEAM_MAX_KG_H - self.steam_kg_h) * HEAT_PER_STEAM * 1000.0
    }

    pub fn efficiency_pct(&self) -> f64 {
        if self.flame() { 95.5 - (self.flue - 100.0) * 0.045 } else { 0.0 }
    }

    fn fire_now(&self) -> f64 {
        if self.flame() { self.fire } else { 0.0 }
    }

    fn step_burner(&mut self, dt: f64, trip: bool) {
        self.burner_s += dt;
        let was = self.burner;
        let failed = trip && !self.tripped;
        self.tripped = trip;
        let too_hot = self.pressure > self.set.pressure_bar + 1.0 || self.high_pressure();
        self.burner = match self.burner {
            _ if !self.set.running => Burner::Off,
            Burner::Ignition | Burner::Firing if failed || self.low_level() => Burner::Lockout,
            Burner::Off if self.pressure < self.set.pressure_bar => Burner::Purge,
            Burner::Purge if self.burner_s > 8.0 => Burner::Ignition,
            Burner::Ignition if self.burner_s > 3.0 => Burner::Firing,
            Burner::Firing if too_hot => Burner::Off,
            Burner::Lockout if !trip && !self.low_level() => Burner::Off,
            Burner::Lockout if self.set.reset_alarms && !self.low_level() => Burner::Off,
            same => same,
        };
        self.set.reset_alarms = false;
        if self.burner != was {
            self.burner_s = 0.0;
            self.total.starts += u64::from(self.burner == Burner::Firing);
            self.total.lockouts += u64::from(self.burner == Burner::Lockout);
        }
    }

    /// Two PI controllers; each integral stops at the end of its actuator.
    fn step_control(&mut self, dt: f64) {
        let night = if self.set.night { 1.0 } else { 0.0 };
        let low = self.set.modulation_min_pct / 100.0;
        let high = (self.set.modulation_max_pct / 100.0).max(low);
        let error = self.set.pressure_bar - night - self.pressure;
        if self.flame() {
            self.fire_sum = (self.fire_sum + 0.4 / 60.0 * error * dt).clamp(0.0, high);
            let wanted = (self.fire_sum + 0.4 * error).clamp(low, high);
            self.fire += (wanted - self.fire) * (dt / 1.5).min(1.0);
        } else {
            self.fire = low;
        }
        let error = self.set.level_pct - self.level;
        self.valve_sum = (self.valve_sum + 0.04 / 80.0 * error * dt).clamp(0.0, 1.0);
        let wanted = (self.valve_sum + 0.04 * error).clamp(0.0, 1.0);
        self.valve += (wanted - self.valve) * (dt / 2.0).min(1.0);
    }

    fn step_water_and_steam(&mut self, moment: &mut Moment<'_>) {
        let dt = moment.dt_s;
        self.wander += (-self.wander / 240.0) * dt + moment.noise.normal() * 25.0 * dt.sqrt();
        let shift = (moment.now_s / 1800.0 * std::f64::consts::TAU).sin() * 300.0;
        let wanted = (self.set.steam_demand_kg_h + self.wander + shift).max(0.0);
        self.steam_kg_h = wanted * (self.pressure / 2.0).min(1.0);
        let made = self.fire_now() * STEAM_MAX_KG_H;
        let head = if self.no_feed_pump() { 0.0 } else { FEED_MAX_KG_H };
        self.feed_kg_h = self.valve * head;
        let blown = if self.blowdown_open() { 1500.0 } else { 0.0 };
        let surplus = made - self.steam_kg_h - self.pressure * 4.0;
        self.pressure = (self.pressure + surplus * PRESSURE_PER_STEAM * dt).clamp(0.0, 16.0);
        let water = self.feed_kg_h - self.steam_kg_h - blown;
        self.level = (self.level + water * LEVEL_PER_WATER * dt).clamp(0.0, 100.0);
        self.conductivity += (self.steam_kg_h * 2e-4 - blown * 0.012) * dt;
        self.conductivity = self.conductivity.clamp(200.0, 6000.0);
        self.blowdown_s = (self.blowdown_s - dt).max(0.0);
        if self.set.auto_blowdown && self.conductivity > 2800.0 && self.blowdown_s == 0.0 {
            self.blowdown_s = 30.0;
            self.total.blowdowns += 1;
        }
        let warm = if self.flame() { 115.0 + 95.0 * self.fire } else { 70.0 };
        self.flue += (warm - self.flue) * dt / 45.0;
    }

    fn count(&mut self, dt: f64) {
        let hours = dt / 3600.0;
        let fired = self.fire_now() * STEAM_MAX_KG_H * hours;
        self.total.gas_dm3 += fired * GAS_PER_STEAM * 1000.0;
        self.total.heat_kwh += fired * HEAT_PER_STEAM;
        self.total.steam_kg += self.steam_kg_h * hours;
        self.total.water_kg += self.feed_kg_h * hours;
        self.total.run_s += if self.set.running { dt } else { 0.0 };
        self.total.firing_s += if self.flame() { dt } else { 0.0 };
        for (seconds, on) in self.total.pump_s.iter_mut().zip(self.set.feed_pumps) {
            *seconds += if on { dt } else { 0.0 };
        }
    }

    fn look(&mut self, moment: &mut Moment<'_>) {
        let fire = self.fire_now();
        let noise = &mut *moment.noise;
        let saturated = 100.0 * (self.pressure + 1.0).powf(0.25);
        let o2 = if self.flame() { 2.8 + 2.4 * (1.0 - fire) } else { 20.9 };
        let co = if self.flame() { 18.0 + 30.0 * (1.0 - fire).powi(4) } else { 0.0 };
        let pumps = f64::from(u8::from(!self.no_feed_pump()));
        self.seen = Readings {
            pressure_bar: noise.reading(self.pressure, 0.008, 0.005).max(0.0),
            level_pct: noise.reading(self.level, 0.15, 0.05),
            steam_kg_h: noise.reading(self.steam_kg_h, 12.0, 1.0).max(0.0),
            feed_kg_h: noise.reading(self.feed_kg_h, 15.0, 1.0).max(0.0) * pumps,
            gas_m3_h: noise.reading(fire * STEAM_MAX_KG_H * GAS_PER_STEAM, 0.6, 0.1).max(0.0),
            steam_temperature: noise.reading(saturated, 0.08, 0.1),
            gas_temperature: noise.reading(14.5, 0.1, 0.1),
            flue_temperature: noise.reading(self.flue, 0.4, 0.1),
            feed_temperature: noise.reading(102.0, 0.2, 0.1),
            condensate_temperature: noise.reading(78.0 + 8.0 * fire, 0.3, 0.1),
            room_temperature: noise.reading(27.5 + 4.0 * fire, 0.1, 0.1),
            wall_temperature: noise.reading(saturated - 6.0, 0.2, 0.1),
            gas_mbar: noise.reading(112.0 - 9.0 * fire, 0.5, 0.1),
            air_mbar: noise.reading(4.0 + 28.0 * fire, 0.2, 0.1),
            draught_mbar: noise.reading(-0.6 - 1.2 * fire, 0.03, 0.01),
            flame_ua: noise.reading(if self.flame() { 38.0 } else { 0.0 }, 0.6, 0.1).max(0.0),
            conductivity: noise.reading(self.conductivity, 4.0, 1.0),
            ph: noise.reading(11.2, 0.01, 0.01),
            o2_pct: noise.reading(o2, 0.05, 0.1),
            co_ppm: noise.reading(co, 1.2, 1.0).max(0.0),
            nox_mg: noise.reading(if self.flame() { 82.0 + 25.0 * fire } else { 0.0 }, 1.0, 1.0),
            fan_rpm: noise
                .reading(if self.set.running { 900.0 + 2000.0 * fire } else { 0.0 }, 4.0, 1.0)
                .max(0.0),
        };
    }
}

impl Machine for Boiler {
    fn step(&mut self, moment: &mut Moment<'_>) {
        self.seconds = moment.now_s;
        self.step_burner(moment.dt_s, moment.trip);
        self.step_control(moment.dt_s);
        self.step_water_and_steam(moment);
        self.count(moment.dt_s);
        self.look(moment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Noise;

    fn run(boiler: &mut Boiler, seconds: u32, trip: bool) {
        let mut noise = Noise::new(1, 1);
        for _ in 0..seconds * 10 {
            let now_s = boiler.seconds + 0.1;
            boiler.step(&mut Moment { now_s, dt_s: 0.1, trip, noise: &mut noise });
        }
    }

    #[test]
    fn pressure_follows_its_setpoint_up_and_down() {
        let mut boiler = Boiler::new("boiler", 1.0, 4200.0);
        for setpoint in [10.0, 6.0, 8.5] {
            boiler.set.pressure_bar = setpoint;
            run(&mut boiler, 400, false);
            assert!((boiler.pressure - setpoint).abs() < 0.3, "{setpoint}: {}", boiler.pressure);
            assert!((boiler.level - 50.0).abs() < 5.0, "{setpoint}: level {}", boiler.level);
        }
    }

    #[test]
    fn level_follows_its_setpoint() {
        let mut boiler = Boiler::new("boiler", 1.0, 4200.0);
        boiler.set.level_pct = 60.0;
        run(&mut boiler, 600, false);
        assert!((boiler.level - 60.0).abs() < 3.0, "{}", boiler.level);
    }

    #[test]
    fn a_lost_flame_locks_the_burner_out_until_it_is_over() {
        let mut boiler = Boiler::new("boiler", 1.0, 4200.0);
        run(&mut boiler, 5, true);
        assert_eq!(boiler.burner, Burner::Lockout);
        assert!(boiler.alarm());
        run(&mut boiler, 60, false);
        assert_eq!(boiler.burner, Burner::Firing);
        assert_eq!(boiler.seen.flame_ua.round(), 38.0, "{:?}", boiler.seen);
    }

    #[test]
    fn a_boiler_switched_off_burns_nothing() {
        let mut boiler = Boiler::new("boiler", 1.0, 4200.0);
        boiler.set.running = false;
        run(&mut boiler, 5, false);
        let gas = boiler.total.gas_dm3;
        run(&mut boiler, 60, false);
        assert_eq!(boiler.total.gas_dm3, gas);
        assert!(boiler.pressure < 8.0);
    }
}
