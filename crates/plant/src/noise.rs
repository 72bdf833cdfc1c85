//! Randomness that is the same in every run with the same seed (SplitMix64), and what real sensors
//! add to a value: noise and steps. Leaves to the models what is noisy, and how much.

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Noise {
    state: u64,
}

impl Noise {
    /// The stream `stream` of `seed`; streams of one seed are independent of one another.
    pub fn new(seed: u64, stream: u64) -> Noise {
        let mut noise = Noise { state: seed ^ stream.wrapping_mul(0xd134_2543_de82_ef95) };
        noise.next();
        noise
    }

    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between 0 (included) and 1 (excluded).
    pub fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Mean 0, deviation 1, never beyond ±3.5: the sum of four uniform numbers is near enough to a
    /// bell for a sensor.
    pub fn normal(&mut self) -> f64 {
        let sum: f64 = (0..4).map(|_| self.uniform()).sum();
        (sum - 2.0) * 3f64.sqrt()
    }

    /// What a sensor shows of `truth`: noise of this deviation, rounded to its resolution.
    pub fn reading(&mut self, truth: f64, deviation: f64, resolution: f64) -> f64 {
        ((truth + deviation * self.normal()) / resolution).round() * resolution
    }
}

/// A trouble that comes and goes by itself.
#[derive(Clone, Debug)]
pub struct Recurring {
    noise: Noise,
    gap_s: f64,
    length_s: (f64, f64),
    begins_s: f64,
    ends_s: f64,
}

impl Recurring {
    /// Comes about every `gap_s` seconds (half to one and a half times) and stays for `length_s`.
    pub fn new(mut noise: Noise, gap_s: f64, length_s: (f64, f64)) -> Recurring {
        let begins_s = gap_s * noise.between(0.3, 1.5);
        let ends_s = begins_s + noise.between(length_s.0, length_s.1);
        Recurring { noise, gap_s, length_s, begins_s, ends_s }
    }

    /// Whether it is there at `now_s`; times must not go back.
    pub fn present(&mut self, now_s: f64) -> bool {
        while now_s >= self.ends_s {
            self.begins_s = self.ends_s + self.gap_s * self.noise.between(0.5, 1.5);
            self.ends_s = self.begins_s + self.noise.between(self.length_s.0, self.length_s.1);
        }
        now_s >= self.begins_s
    }
}
