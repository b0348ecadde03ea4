//! A telemetry device: temperature with a daily wave, drift and noise, humidity against it, a battery
//! that drains, and now and then an anomaly. All readings have two decimals.

use std::sync::Arc;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::stream::stream;

#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) id: Arc<str>,
    rng: ChaCha8Rng,
    base: f64,
    drift: f64,
    battery: f64,
}

/// Readings in hundredths.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) temperature: i64,
    pub(crate) humidity: i64,
    pub(crate) battery: i64,
}

/// One reading in a hundred and fifty is an anomaly.
const ANOMALY_SHARE: f64 = 1.0 / 150.0;

impl Device {
    pub(crate) fn new(seed: u64, source: &str, index: u32) -> Self {
        let mut rng = stream(seed, &format!("device/{source}"), u64::from(index));
        Self {
            id: format!("{source}-{index:05}").into(),
            base: rng.random_range(12.0..26.0),
            drift: 0.0,
            battery: rng.random_range(40.0..100.0),
            rng,
        }
    }

    pub(crate) fn read(&mut self, event_micros: i64) -> Reading {
        let day = event_micros.rem_euclid(86_400_000_000) as f64 / 86_400_000_000.0;
        let wave = 6.0 * (std::f64::consts::TAU * (day - 0.375)).sin();
        self.drift += self.rng.random_range(-0.02..0.02);
        self.battery = (self.battery - self.rng.random_range(0.0..0.01)).max(0.0);
        let noise: f64 = self.rng.random_range(-0.5..0.5);
        let mut temperature = self.base + wave + self.drift + noise;
        let mut humidity =
            (95.0 - 1.5 * temperature + self.rng.random_range(-4.0..4.0)).clamp(0.0, 100.0);
        if self.rng.random_bool(ANOMALY_SHARE) {
            temperature += if self.rng.random_bool(0.5) { 35.0 } else { -35.0 };
            humidity = self.rng.random_range(0.0..100.0);
        }
        let hundredths = |value: f64| (value * 100.0).round() as i64;
        Reading {
            temperature: hundredths(temperature),
            humidity: hundredths(humidity),
            battery: hundredths(self.battery),
        }
    }
}
