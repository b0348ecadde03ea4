//! The screen, as a pure function of the state:
//!
//! ```text
//! ┌ windtunnel  happy-path on embedded ──────────────────────┐
//! │ blowing   12.0 s of 20 s  ████████████░░░░░░░░           │
//! ├ throughput 5,160 rows/s ─────────────────────────────────┤
//! │ ▁▃▅▇▇▇▇▇▇▇▇▇                                             │
//! ├ events ──────────────────┬ latency p50 / p95 / p99 ──────┤
//! │ sent 60,530              │ publish to queryable 154 …    │
//! └ q quit  f freeze  ? help ────────────────────────────────┘
//! ```

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Gauge, Paragraph, Sparkline};

use crate::state::{KEYS, State};

/// Draws the whole screen.
pub fn view(frame: &mut Frame<'_>, state: &State) {
    let [head, throughput, numbers, footer] = Layout::vertical([
        Constraint::Length(3),
        Constraint::Min(3),
        Constraint::Length(8),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let [events, latency] =
        Layout::horizontal([Constraint::Percentage(40), Constraint::Percentage(60)]).areas(numbers);
    draw_head(frame, head, state);
    draw_throughput(frame, throughput, state);
    draw_events(frame, events, state);
    draw_latency(frame, latency, state);
    draw_footer(frame, footer, state);
}

fn draw_head(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let it = &state.shown;
    let title = format!(" windtunnel  {} on {} ", it.scenario, it.target);
    let ratio =
        if it.duration_s > 0.0 { (it.elapsed_s / it.duration_s).clamp(0.0, 1.0) } else { 0.0 };
    let label = format!("{} {:.0} s of {:.0} s", it.phase, it.elapsed_s, it.duration_s);
    let gauge = Gauge::default()
        .block(Block::bordered().title(title))
        .gauge_style(Style::new().fg(Color::Blue))
        .ratio(ratio)
        .label(label);
    frame.render_widget(gauge, area);
}

fn draw_throughput(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let now = state.rates.last().copied().unwrap_or_default();
    let width = usize::from(area.width.saturating_sub(2));
    let newest = &state.rates[state.rates.len().saturating_sub(width)..];
    let line = Sparkline::default()
        .block(Block::bordered().title(format!(" throughput {now} rows/s ")))
        .style(Style::new().fg(Color::Green))
        .data(newest);
    frame.render_widget(line, area);
}

fn draw_events(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let it = &state.shown;
    let line = |name: &str, count: u64, style| {
        Line::from(vec![
            Span::raw(format!(" {name:<14}")),
            Span::styled(format!("{count:>12}"), style),
        ])
    };
    let plain = Style::new();
    let warn = |count: u64| if count > 0 { plain.fg(Color::Yellow) } else { plain };
    let lines = vec![
        line("sent", it.attempted, plain),
        line("rows", it.rows, plain.fg(Color::Green)),
        line("dead letters", it.dead_letters, warn(it.dead_letters)),
        line("late", it.late, warn(it.late)),
        line("waiting", it.backlog, plain.add_modifier(Modifier::BOLD)),
    ];
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" events ")), area);
}

fn draw_latency(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let show = |it: Option<f64>| it.map_or("-".to_owned(), |it| format!("{it:.0}"));
    let line = |name: &str, it: [Option<f64>; 3]| {
        let [p50, p95, p99] = it.map(show);
        Line::from(format!(" {name:<22}{p50:>6} {p95:>6} {p99:>6} ms"))
    };
    let lines = vec![
        line("publish to queryable", state.shown.e2e_ms),
        line("prediction", state.shown.prediction_ms),
    ];
    let block = Block::bordered().title(" latency p50 / p95 / p99 ");
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn draw_footer(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let mut text = KEYS.map(|(key, _, name)| format!(" {key} {name} ")).join(" ");
    if state.shows_help {
        text = " q ends the run and judges what there is   f freezes the display, not the run "
            .to_owned();
    }
    if state.is_frozen {
        text.push_str("  [frozen]");
    }
    let style = Style::new().add_modifier(Modifier::REVERSED);
    frame.render_widget(Paragraph::new(text).style(style), area);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, Snapshot};
    use proptest::prelude::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn state() -> State {
        let mut state = State::default();
        state.update(Snapshot {
            scenario: "happy-path".to_owned(),
            target: "embedded".to_owned(),
            phase: "blowing".to_owned(),
            elapsed_s: 10.0,
            duration_s: 20.0,
            attempted: 50_000,
            rows: 49_000,
            dead_letters: 3,
            e2e_ms: [Some(150.0), Some(250.0), Some(270.0)],
            ..Snapshot::default()
        });
        state
    }

    fn draw(state: &State, width: u16, height: u16) -> Terminal<TestBackend> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| view(frame, state)).unwrap();
        terminal
    }

    fn text(terminal: &Terminal<TestBackend>) -> String {
        terminal.backend().buffer().content().iter().map(|cell| cell.symbol()).collect()
    }

    #[test]
    fn the_screen_shows_what_matters() {
        let mut state = state();
        let terminal = draw(&state, 80, 20);
        let shown = text(&terminal);
        for part in
            ["happy-path on embedded", "10 s of 20 s", "4900 rows/s", "50000", "270 ms", "q quit"]
        {
            assert!(shown.contains(part), "{part} is not on the screen:\n{shown}");
        }
        // Dead letters are marked: a colour, and the number itself.
        let cells = terminal.backend().buffer().content();
        let three = cells.iter().find(|cell| cell.symbol() == "3" && cell.fg == Color::Yellow);
        assert!(three.is_some());
        state.act(Action::Freeze);
        let before = state.clone();
        state.update(Snapshot { rows: 1, ..Snapshot::default() });
        assert_eq!(state, before, "a frozen display does not move");
        assert!(text(&draw(&state, 80, 20)).contains("[frozen]"));
    }

    proptest! {
        /// No size of terminal makes drawing panic.
        #[test]
        fn any_size_can_be_drawn(width in 1_u16..200, height in 1_u16..60) {
            draw(&state(), width, height);
        }
    }
}
