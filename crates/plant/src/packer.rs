//! A packaging machine: a state machine with the PackML numbers, a speed that follows its setpoint
//! while it runs, counters that count at that speed, jams, and six motors. What of it lies in which
//! register is `packer_tags.rs`.

use crate::device::{Machine, Moment};

pub const MOTORS: usize = 6;

/// The states it knows, numbered as in PackML (ISA-TR88.00.02).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum State {
    Stopped = 2,
    Starting = 3,
    Execute = 6,
    Stopping = 7,
    Held = 11,
}

/// What people set.
#[derive(Clone, Debug)]
pub struct Settings {
    pub start: bool,
    pub stop: bool,
    pub reset: bool,
    pub light: bool,
    pub lanes: [bool; 2],
    pub purge: bool,
    pub speed: f64,
    pub seal_temperature: f64,
    pub batch_size: u64,
    pub reject_limit_pct: f64,
    pub weight_g: f64,
    pub weight_offset_mg: i64,
    pub recipe: String,
}

/// What the instruments show.
#[derive(Clone, Debug, Default)]
pub struct Readings {
    pub speed: f64,
    pub seal_temperature: [f64; 2],
    pub seal_bar: f64,
    pub air_bar: f64,
    pub film_n: f64,
    pub vibration: f64,
    pub power_kw: f64,
    pub weight_g: f64,
    pub motor_a: [f64; MOTORS],
    pub motor_temperature: [f64; MOTORS],
    pub motor_rpm: [f64; MOTORS],
}

/// What only grows.
#[derive(Clone, Debug)]
pub struct Totals {
    pub good: u64,
    pub rejects: u64,
    pub pulses: u64,
    pub weighed: u64,
    pub jams: u64,
    pub run_s: f64,
    pub stop_s: f64,
    pub energy_kwh: f64,
    pub film_m: f64,
}

#[derive(Clone, Debug)]
pub struct Packer {
    pub name: &'static str,
    pub set: Settings,
    pub seen: Readings,
    pub total: Totals,
    pub state: State,
    pub state_s: f64,
    /// Packs per minute.
    pub speed: f64,
    pub jammed: bool,
    pub film_m: f64,
    pub weight_mean_g: f64,
    pub position_um: i64,
    pub seconds: f64,
    seal: f64,
    pack_part: f64,
    pulse_part: f64,
    tripped: bool,
    warm: [f64; MOTORS],
    shift_run_s: f64,
    shift_s: f64,
    shift_good: f64,
    shift_packs: f64,
    shift_possible: f64,
}

/// Encoder pulses for one pack.
const PULSES: f64 = 4096.0;
/// Film for one pack and on a full reel, m.
const FILM_PER_PACK: f64 = 0.22;
const REEL: f64 = 1800.0;
/// The speed it was built for, packs/min.
const SPEED_MAX: f64 = 120.0;

impl Packer {
    /// A machine that runs, with so many packs behind it. Its encoder has passed 2^53, so that a
    /// reader which takes the counter through a double is found out.
    pub fn new(name: &'static str, packs: u64, speed: f64) -> Packer {
        let set = Settings {
            start: false,
            stop: false,
            reset: false,
            light: true,
            lanes: [true, true],
            purge: false,
            speed,
            seal_temperature: 165.0,
            batch_size: 12_000,
            reject_limit_pct: 5.0,
            weight_g: 250.0,
            weight_offset_mg: -120,
            recipe: "OATS-250".into(),
        };
        let hours = packs as f64 / 5000.0;
        let total = Totals {
            good: packs,
            rejects: packs / 130,
            pulses: (1 << 53) + 1 + packs,
            weighed: packs,
            jams: packs / 9000,
            run_s: hours * 3600.0,
            stop_s: hours * 600.0,
            energy_kwh: hours * 7.4,
            film_m: packs as f64 * FILM_PER_PACK,
        };
        Packer {
            name,
            set,
            seen: Readings::default(),
            total,
            state: State::Execute,
            state_s: 0.0,
            speed,
            jammed: false,
            film_m: REEL * 0.7,
            weight_mean_g: 250.0,
            position_um: 0,
            seconds: 0.0,
            seal: 165.0,
            pack_part: 0.0,
            pulse_part: 0.0,
            tripped: false,
            warm: [48.0; MOTORS],
            shift_run_s: 3400.0,
            shift_s: 3600.0,
            shift_good: 4950.0,
            shift_packs: 5000.0,
            shift_possible: 6800.0,
        }
    }

    pub fn running(&self) -> bool {
        self.state == State::Execute
    }

    pub fn availability(&self) -> f64 {
        self.shift_run_s / self.shift_s
    }

    pub fn performance(&self) -> f64 {
        self.shift_packs / self.shift_possible
    }

    pub fn quality(&self) -> f64 {
        self.shift_good / self.shift_packs
    }

    pub fn oee(&self) -> f64 {
        self.availability() * self.performance() * self.quality()
    }

    pub fn cycle_ms(&self) -> f64 {
        if self.speed > 1.0 { 60_000.0 / self.speed } else { 0.0 }
    }

    pub fn fault_code(&self) -> u64 {
        if self.jammed { 417 } else { 0 }
    }

    pub fn seal_cold(&self) -> bool {
        self.seal < self.set.seal_temperature - 10.0
    }

    pub fn film_low(&self) -> bool {
        self.film_m < 60.0
    }

    pub fn rejecting(&self) -> bool {
        (1.0 - self.quality()) * 100.0 > self.set.reject_limit_pct
    }

    fn step_state(&mut self, dt: f64, trip: bool) {
        self.state_s += dt;
        let was = self.state;
        if trip && !self.tripped && self.state == State::Execute {
            self.jammed = true;
            self.total.jams += 1;
        }
        // Somebody walks up and clears a jam by hand once the cause is gone.
        let cleared = self.tripped && !trip;
        self.tripped = trip;
        if self.set.reset || cleared {
            self.jammed = false;
        }
        self.state = match self.state {
            State::Starting | State::Execute | State::Held if self.set.stop => State::Stopping,
            State::Starting | State::Execute if self.jammed => State::Held,
            State::Stopping if self.speed < 1.0 => State::Stopped,
            State::Stopped if self.set.start && !self.jammed => State::Starting,
            State::Starting if self.state_s > 4.0 => State::Execute,
            State::Held if !self.jammed => State::Starting,
            same => same,
        };
        (self.set.start, self.set.stop, self.set.reset) = (false, false, false);
        if self.state != was {
            self.state_s = 0.0;
        }
    }

    fn step_motion(&mut self, moment: &mut Moment<'_>) {
        let dt = moment.dt_s;
        let lanes = self.set.lanes.iter().filter(|on| **on).count() as f64 / 2.0;
        let target = if self.running() { self.set.speed * lanes } else { 0.0 };
        let lag_s = if self.jammed { 0.3 } else { 2.5 };
        self.speed += (target - self.speed) * (dt / lag_s).min(1.0);
        let packs = self.speed / 60.0 * dt;
        self.pulse_part += packs * PULSES;
        let pulses = self.pulse_part.floor();
        self.pulse_part -= pulses;
        self.total.pulses += pulses as u64;
        self.position_um = ((self.position_um + (packs * 220_000.0) as i64) + 110_000)
            .rem_euclid(220_000)
            - 110_000;
        self.film_m -= packs * FILM_PER_PACK;
        self.total.film_m += packs * FILM_PER_PACK;
        if self.film_m < 5.0 {
            self.film_m = REEL;
        }
        self.pack_part += packs;
        while self.pack_part >= 1.0 {
            self.pack_part -= 1.0;
            self.pack(moment);
        }
    }

    fn pack(&mut self, moment: &mut Moment<'_>) {
        let weight = self.set.weight_g + self.set.weight_offset_mg as f64 / 1000.0;
        self.seen.weight_g = moment.noise.reading(weight, 0.9, 0.1);
        self.weight_mean_g += (self.seen.weight_g - self.weight_mean_g) / 50.0;
        self.total.weighed += 1;
        let chance = if self.seal_cold() { 0.2 } else { 0.008 };
        let good = moment.noise.uniform() > chance;
        if good {
            self.total.good += 1;
        } else {
            self.total.rejects += 1;
        }
        self.shift_packs += 1.0;
        self.shift_good += f64::from(u8::from(good));
    }

    fn count(&mut self, dt: f64) {
        let running = self.running();
        if running {
            self.total.run_s += dt;
            self.shift_run_s += dt;
            self.shift_possible += SPEED_MAX / 60.0 * dt;
        } else {
            self.total.stop_s += dt;
        }
        self.shift_s += dt;
        self.total.energy_kwh += self.seen.power_kw * dt / 3600.0;
        self.seal += (self.set.seal_temperature - self.seal) * dt / 60.0;
    }

    fn look(&mut self, moment: &mut Moment<'_>) {
        let load = self.speed / SPEED_MAX;
        let noise = &mut *moment.noise;
        for motor in 0..MOTORS {
            let size = 1.0 + motor as f64 * 0.35;
            let amps = if load > 0.01 { size * (1.1 + 2.2 * load) } else { 0.0 };
            self.warm[motor] += (28.0 + 34.0 * load - self.warm[motor]) * moment.dt_s / 300.0;
            self.seen.motor_a[motor] = noise.reading(amps, 0.02 * size, 0.01).max(0.0);
            self.seen.motor_temperature[motor] = noise.reading(self.warm[motor], 0.1, 0.1);
            let rpm = load * (1500.0 - 80.0 * motor as f64);
            self.seen.motor_rpm[motor] = noise.reading(rpm, 2.0 * load, 1.0);
        }
        let amps: f64 = self.seen.motor_a.iter().sum();
        self.seen.speed = noise.reading(self.speed, 0.15, 0.1).max(0.0);
        self.seen.seal_temperature =
            [noise.reading(self.seal, 0.3, 0.1), noise.reading(self.seal - 1.5, 0.3, 0.1)];
        self.seen.seal_bar = noise.reading(3.2, 0.02, 0.01);
        self.seen.air_bar = noise.reading(6.1 - 0.3 * load, 0.02, 0.01);
        self.seen.film_n = noise.reading(12.0 + 16.0 * load, 0.4, 0.1);
        self.seen.vibration = noise.reading(0.4 + 2.1 * load * load, 0.05, 0.01).max(0.0);
        self.seen.power_kw = noise.reading(0.9 + amps * 0.36, 0.01, 0.01);
    }
}

impl Machine for Packer {
    fn step(&mut self, moment: &mut Moment<'_>) {
        self.seconds = moment.now_s;
        self.step_state(moment.dt_s, moment.trip);
        self.step_motion(moment);
        self.look(moment);
        self.count(moment.dt_s);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Noise;

    fn run(packer: &mut Packer, seconds: u32, trip: bool) {
        let mut noise = Noise::new(1, 1);
        for _ in 0..seconds * 10 {
            let now_s = packer.seconds + 0.1;
            packer.step(&mut Moment { now_s, dt_s: 0.1, trip, noise: &mut noise });
        }
    }

    #[test]
    fn it_counts_at_its_speed() {
        let mut packer = Packer::new("packer", 1000, 90.0);
        packer.set.speed = 60.0;
        run(&mut packer, 60, false);
        let before = packer.total.good + packer.total.rejects;
        run(&mut packer, 60, false);
        let packed = packer.total.good + packer.total.rejects - before;
        assert!((59..=61).contains(&packed), "{packed} packs in a minute at 60 a minute");
    }

    #[test]
    fn stop_stops_and_start_starts() {
        let mut packer = Packer::new("packer", 1000, 90.0);
        run(&mut packer, 5, false);
        packer.set.stop = true;
        run(&mut packer, 30, false);
        assert_eq!(packer.state, State::Stopped);
        assert!(packer.speed < 1.0, "{}", packer.speed);
        let good = packer.total.good;
        run(&mut packer, 30, false);
        assert!(packer.total.good <= good + 1);
        packer.set.start = true;
        run(&mut packer, 30, false);
        assert_eq!(packer.state, State::Execute);
        assert!((packer.speed - 90.0).abs() < 1.0, "{}", packer.speed);
    }

    #[test]
    fn a_jam_holds_it_until_reset() {
        let mut packer = Packer::new("packer", 1000, 90.0);
        run(&mut packer, 5, true);
        assert!(packer.jammed);
        assert_eq!(packer.state, State::Held);
        packer.set.reset = true;
        run(&mut packer, 20, true);
        assert!(!packer.jammed, "reset clears the jam while its cause is still about");
        assert_eq!(packer.state, State::Execute);
    }
}
