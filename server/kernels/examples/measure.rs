//! Measures products on the shapes of a decoder with half a milliard weights, beside a plain walk through memory and
//! products that stay in the near caches.
//!
//! `cargo run --release -p tidegate-kernels --example measure -- [threads] [formats] [rows] [rounds]`, formats and rows
//! separated by commas. Each product is timed by itself when the machine is quiet (a known short one must be about as
//! quick as it ever was), and the quickest of each shape counts: other work beside this makes it slow, not wrong.

#![expect(clippy::print_stdout, reason = "the table is what the program is for")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use tidegate_kernels::{Format, Level, Matrix, Team, memory::Memory, product};

/// Outputs and inputs of a layer's matrices.
const LAYER: [(usize, usize); 4] = [(1152, 896), (896, 896), (9728, 896), (896, 4864)];
const LAYERS: usize = 24;
const HEAD: (usize, usize) = (151_936, 896);

/// Copies of a layer that are gone through, so that none is found in a cache.
const COPIES: usize = 8;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let number = |default: usize, text: Option<String>| {
        text.and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let threads = number(2, arguments.next());
    let formats = arguments.next().unwrap_or_else(|| "bf16,int8,int4".into());
    let rows = arguments.next().unwrap_or_else(|| "1,4,16,32,256".into());
    let rounds = number(3, arguments.next());
    let team = Team::new(threads);
    let mut quiet = Quiet::new(&team);
    println!("{:?}, {threads} threads", Level::detected());
    println!("hand-out of work: {:.2} µs", hand_out(&team) * 1e6);
    println!("memory: {:.1} GB/s", walk(&team, &mut quiet) / 1e9);
    println!(
        "products in near caches: {:.0} GFLOPS",
        quiet.peak(&team) / 1e9
    );
    println!("format   rows   ms/step  tokens/s    GB/s  GFLOPS | GFLOPS of each shape");
    for format in formats.split(',') {
        let format = match format {
            "f32" => Format::F32,
            "f16" => Format::F16,
            "int8" => Format::Int8,
            "int4" => Format::Int4,
            _ => Format::Bf16,
        };
        let layers: Vec<[Matrix; 4]> = (0..COPIES)
            .map(|_| LAYER.map(|shape| matrix(format, shape)))
            .collect();
        let head = matrix(format, HEAD);
        for rows in rows.split(',').filter_map(|text| text.parse().ok()) {
            step(&team, &mut quiet, &layers, &head, rows, rounds);
        }
    }
}

fn matrix(format: Format, (outputs, inputs): (usize, usize)) -> Matrix {
    let values: Vec<f32> = (0..outputs * inputs)
        .map(|i| ((i * 7919) % 251) as f32 * 0.004 - 0.5)
        .collect();
    match Matrix::from_f32(format, outputs, inputs, &values) {
        Ok(matrix) => matrix,
        Err(error) => panic!("{error}"),
    }
}

/// All products of a step of `rows` tokens.
fn step(
    team: &Team,
    quiet: &mut Quiet,
    layers: &[[Matrix; 4]],
    head: &Matrix,
    rows: usize,
    rounds: usize,
) {
    let input: Vec<f32> = (0..rows * 4864)
        .map(|i| ((i * 31) % 101) as f32 * 0.02 - 1.0)
        .collect();
    // A prompt needs the scores behind its last token only.
    let scored = if rows > 64 { 1 } else { rows };
    let mut output = vec![0.0; (rows * 9728).max(scored * HEAD.0)];
    let mut quickest = [Duration::MAX; 5];
    let mut timed = |shape: usize, matrix: &Matrix, rows: usize| {
        let input = &input[..rows * matrix.columns()];
        let output = &mut output[..rows * matrix.rows()];
        quiet.wait(team);
        let start = Instant::now();
        product(team, matrix, None, input, rows, output);
        quickest[shape] = quickest[shape].min(start.elapsed());
    };
    for _ in 0..rounds {
        for layer in layers {
            for (shape, matrix) in layer.iter().enumerate() {
                timed(shape, matrix, rows);
            }
        }
        for _ in 0..4 {
            timed(4, head, scored);
        }
    }
    black_box(&output);
    let layer: usize = layers[0].iter().map(Matrix::bytes).sum();
    let bytes = layer * LAYERS + head.bytes();
    let layer: usize = LAYER.iter().map(|(outputs, inputs)| outputs * inputs).sum();
    let work = 2 * (layer * LAYERS * rows + HEAD.0 * HEAD.1 * scored);
    let each = quickest.map(|time| time.as_secs_f64());
    let sum = each[..4].iter().sum::<f64>() * LAYERS as f64 + each[4];
    print!(
        "{:8} {rows:4} {:9.2} {:9.1} {:7.1} {:7.0} |",
        head.format().name(),
        sum * 1e3,
        rows as f64 / sum,
        bytes as f64 / sum / 1e9,
        work as f64 / sum / 1e9,
    );
    for ((outputs, inputs), seconds) in LAYER.into_iter().chain([HEAD]).zip(each) {
        let rows = if outputs == HEAD.0 { scored } else { rows };
        print!(
            " {:4.0}",
            (2 * outputs * inputs * rows) as f64 / seconds / 1e9
        );
    }
    println!();
}

/// Knows how quick a short product can be, and so whether the machine is quiet.
struct Quiet {
    matrix: Matrix,
    input: Vec<f32>,
    best: Duration,
}

impl Quiet {
    /// Multiplications and additions of a probe on one thread.
    const WORK: usize = 20 * 2 * 6 * 64 * 256;

    fn new(team: &Team) -> Self {
        let mut quiet = Self {
            matrix: matrix(Format::F32, (64, 256)),
            input: vec![0.5; 6 * 256],
            best: Duration::MAX,
        };
        for _ in 0..2000 {
            quiet.probe(team);
        }
        quiet
    }

    /// The short product on all threads at once.
    fn probe(&mut self, team: &Team) -> Duration {
        let start = Instant::now();
        team.run(&|_, _| {
            let own = Team::new(1);
            let mut output = [0.0; 6 * 64];
            for _ in 0..20 {
                product(&own, &self.matrix, None, &self.input, 6, &mut output);
            }
            black_box(&output);
        });
        let time = start.elapsed();
        self.best = self.best.min(time);
        time
    }

    /// Waits for a quiet moment, some hundredths of a second at most.
    fn wait(&mut self, team: &Team) {
        for _ in 0..12 {
            // What is right after a sleep is slow, so the second one tells.
            self.probe(team);
            if self.probe(team) < self.best + self.best / 4 {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Multiplications and additions a second, where little is read.
    fn peak(&self, team: &Team) -> f64 {
        (team.threads() * Self::WORK) as f64 / self.best.as_secs_f64()
    }
}

/// Seconds to hand out and end work that is nothing.
fn hand_out(team: &Team) -> f64 {
    let rounds = 1000;
    let mut quickest = Duration::MAX;
    for _ in 0..20 {
        let start = Instant::now();
        for _ in 0..rounds {
            team.run(&|part, _| {
                black_box(part);
            });
        }
        quickest = quickest.min(start.elapsed());
    }
    quickest.as_secs_f64() / f64::from(rounds)
}

/// Bytes a second of a walk through a quarter of a gigabyte.
fn walk(team: &Team, quiet: &mut Quiet) -> f64 {
    let Ok(mut memory) = Memory::zeroed(1 << 28) else {
        return f64::NAN;
    };
    memory.bytes_mut().fill(1);
    let bytes = memory.bytes();
    let mut quickest = Duration::MAX;
    for _ in 0..20 {
        // Short, so that a quiet moment is long enough: an eighth each time.
        for eighth in bytes.chunks(bytes.len() / 8) {
            quiet.wait(team);
            let start = Instant::now();
            team.run(&|part, parts| {
                let share = eighth.len() / parts;
                let mut sums = [0_u64; 16];
                for line in eighth[part * share..(part + 1) * share]
                    .as_chunks::<128>()
                    .0
                {
                    for (sum, bytes) in sums.iter_mut().zip(line.as_chunks::<8>().0) {
                        *sum = sum.wrapping_add(u64::from_ne_bytes(*bytes));
                    }
                }
                black_box(sums);
            });
            quickest = quickest.min(start.elapsed());
        }
    }
    (bytes.len() / 8) as f64 / quickest.as_secs_f64()
}
