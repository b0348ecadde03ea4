//! A second pipeline, different from the reference one: a shop's visitors as text lines, carts that are
//! abandoned (state per visitor with an event-time timer), sessions of visitors (merging windows), and
//! a table of prices beside the stream. Everything is made up from a seed in memory.
//!
//! `cargo run --package windtunnel-runtime --example abandoned_carts`

use windtunnel_model::{EventTime, ProcessingTime, stored};
use windtunnel_runtime::flow::{Entry, Happened, SideInput, source};
use windtunnel_stages::hash_of;
use windtunnel_stages::stateful::{KeyState, Timer};
use windtunnel_stages::watermark::WatermarkConfig;
use windtunnel_stages::windowing::{Count, WindowFn, Windowing};

const MINUTE: i64 = 60_000_000;

/// `visitor action product minute`.
#[derive(Debug, Clone)]
struct Visit {
    visitor: String,
    action: String,
    price: f64,
    time: EventTime,
}

/// What a visitor has in the cart.
#[derive(Debug, Default)]
struct Cart {
    items: u64,
    value: f64,
}

stored!(Cart { items: u64, value: f64 });

#[derive(Debug, Default)]
struct Outputs {
    abandoned: Vec<(String, u64, f64)>,
    bought: u64,
    sessions: Vec<(String, i64, u64)>,
    unreadable: Vec<String>,
    late: u64,
}

/// What the transforms hand to the keyed half: a visit, or a line that is none.
type Parsed = Result<Visit, String>;

fn parse(line: String, prices: &SideInput<Vec<f64>>) -> Parsed {
    let fields: Vec<&str> = line.split(' ').collect();
    let visit = (|| {
        let [visitor, action, product, minute] = fields[..] else { return None };
        let product: usize = product.parse().ok()?;
        Some(Visit {
            visitor: visitor.to_owned(),
            action: action.to_owned(),
            price: *prices.get().get(product)?,
            time: EventTime(minute.parse::<i64>().ok()?.checked_mul(MINUTE)?),
        })
    })();
    visit.ok_or(line)
}

/// A visit changes the visitor's cart; half an hour after the last item the cart is abandoned.
fn on_visit(visit: &Visit, cart: &mut KeyState<'_, Cart>, out: &mut Outputs) {
    match visit.action.as_str() {
        "add" => {
            cart.state.items += 1;
            cart.state.value += visit.price;
            cart.set_event_timer(EventTime(visit.time.0 + 30 * MINUTE));
        }
        "buy" => {
            out.bought += cart.state.items;
            cart.clear();
        }
        _ => {}
    }
}

fn on_timer(_: Timer, cart: &mut KeyState<'_, Cart>, out: &mut Outputs) {
    out.abandoned.push((cart.key.to_owned(), cart.state.items, cart.state.value));
    cart.clear();
}

fn main() {
    let prices = SideInput::new((0_u32..20).map(|product| f64::from(product) * 1.5).collect());
    let mut shop = source::<String, ()>()
        .map(move |line, ()| parse(line, &prices))
        .keyed(
            |visit: &Parsed, ()| visit.as_ref().map_or(0, |visit| hash_of(&visit.visitor)),
            |visit, ()| Some(Happened { time: visit.as_ref().ok()?.time, published: None }),
        )
        .filter_map(|visit, (), out: &mut Outputs| {
            visit.map_err(|line| out.unreadable.push(line)).ok()
        })
        .per_key(
            "carts",
            |visit: &Visit, ()| visit.visitor.as_str(),
            |visit, cart, (), out| {
                on_visit(visit, cart, out);
                Some(visit.clone())
            },
            |timer, cart, out| {
                on_timer(timer, cart, out);
                None
            },
        )
        .aggregate(
            "sessions",
            Windowing::new(WindowFn::session(10 * MINUTE)),
            Count,
            |visit, ()| Entry { key: &visit.visitor, time: visit.time, input: () },
            |_, _, (), out| out.late += 1,
        )
        .sink(|session, (), out| {
            out.sessions.push((session.key, session.window.start.0 / MINUTE, session.value));
        })
        .build(WatermarkConfig { bound_micros: 2 * MINUTE, ..WatermarkConfig::default() });

    let mut out = Outputs::default();
    let mut seed = 7_u64;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    for minute in 0..240 {
        let lines: Vec<String> = (0..20)
            .map(|_| {
                let action = ["view", "view", "view", "add", "add", "buy"][next(6) as usize];
                // One line in fifty names a product that the table of prices has not.
                format!("visitor-{} {action} {} {minute}", next(200), next(20) + next(50) / 49)
            })
            .collect();
        shop.process(lines, &mut (), &mut out, ProcessingTime(minute * MINUTE));
    }
    shop.shard.drain(&(), &mut out);

    let value: f64 = out.abandoned.iter().map(|(_, _, value)| value).sum();
    let longest = out.sessions.iter().max_by_key(|(_, _, visits)| *visits);
    println!("{} items bought", out.bought);
    println!("{} carts abandoned, worth {value:.2}", out.abandoned.len());
    println!("{} sessions, the busiest {longest:?}", out.sessions.len());
    println!("{} lines without a product, {} late", out.unreadable.len(), out.late);
}
