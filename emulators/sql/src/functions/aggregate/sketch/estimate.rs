//! From a sketch to a number: linear counting while the sketch is nearly empty, the harmonic mean
//! of HyperLogLog when it is full. In between the paper corrects bias by tables of measurements;
//! here stands the estimator that needs none (Ertl 2017, "New cardinality estimation algorithms for
//! HyperLogLog sketches"), whose results differ from the tables' by less than the error of either.

/// Estimates of linear counting up to which it beats the harmonic mean, for 10 to 18 bits (Heule et
/// al. 2013).
const LINEAR_MAX: [f64; 9] =
    [900.0, 1800.0, 3100.0, 6500.0, 11_500.0, 20_000.0, 50_000.0, 120_000.0, 350_000.0];
const LINEAR_MAX_FROM: u8 = 10;

/// The estimate of a sketch of single observations.
pub(super) fn of_observations(count: usize, sparse_precision: u8) -> i64 {
    let buckets = f64::from(1u32 << sparse_precision);
    (buckets * (buckets / (buckets - count as f64)).ln()).round() as i64
}

/// The estimate of a sketch of registers.
pub(super) fn of_registers(registers: &[u8], precision: u8) -> i64 {
    let mut counts = [0u64; 66];
    for register in registers {
        counts[usize::from(*register).min(65)] += 1;
    }
    let all = registers.len() as f64;
    let from = precision.checked_sub(LINEAR_MAX_FROM).map(usize::from);
    let measured = from.and_then(|index| LINEAR_MAX.get(index)).copied();
    if counts[0] > 0 {
        let linear = all * (all / counts[0] as f64).ln();
        if linear <= measured.unwrap_or(2.5 * all) {
            return linear.round() as i64;
        }
    }
    let sum: f64 = (0..).zip(counts).map(|(rank, count)| count as f64 * 0.5f64.powi(rank)).sum();
    let raw = 0.7213 / (1.0 + 1.079 / all) * all * all / sum;
    // Above five registers' worth there is no bias, and the tables end at 18 bits.
    let biased = measured.is_some() && raw <= 5.0 * all;
    (if biased { unbiased(&counts, all, precision) } else { raw }).round() as i64
}

/// Ertl's improved raw estimator, algorithm 6.
fn unbiased(counts: &[u64; 66], all: f64, precision: u8) -> f64 {
    let ranks_max = usize::from(64 - precision);
    let mut sum = all * tau(1.0 - counts[ranks_max + 1] as f64 / all);
    for rank in (1..=ranks_max).rev() {
        sum = 0.5 * (sum + counts[rank] as f64);
    }
    sum += all * sigma(counts[0] as f64 / all);
    all * all / (2.0 * std::f64::consts::LN_2 * sum)
}

/// The series for registers that are still empty; converges quadratically.
fn sigma(share: f64) -> f64 {
    if share >= 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut weight, mut sum) = (share, 1.0, share);
    loop {
        power *= power;
        let before = sum;
        sum += power * weight;
        weight += weight;
        if sum <= before {
            return sum;
        }
    }
}

/// The series for registers that are full.
fn tau(share: f64) -> f64 {
    if share <= 0.0 || share >= 1.0 {
        return 0.0;
    }
    let (mut root, mut weight, mut sum) = (share, 1.0, 1.0 - share);
    loop {
        root = root.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - root).powi(2) * weight;
        if sum >= before {
            return sum / 3.0;
        }
    }
}
