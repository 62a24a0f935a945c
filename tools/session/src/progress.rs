//! A progress bar on a terminal, nothing elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// Progress of something that may take more than two seconds. It appears on stderr, if that is a terminal, after two.
pub struct Progress {
    bar: ProgressBar,
    started: std::time::Instant,
    shown: bool,
    visible: bool,
}

impl Progress {
    /// Progress towards `total` steps of `what`; a total of zero means that the end is not known.
    pub fn new(what: &str, total: u64) -> Self {
        let visible = std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        let template = if total == 0 {
            "{msg} {spinner} {human_pos} ({per_sec}) {elapsed}"
        } else {
            "{msg} [{bar:30}] {percent:>3}% {human_pos} ({per_sec}) {eta} left"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        Self { bar, started: std::time::Instant::now(), shown: false, visible }
    }

    /// Moves to `position`. Cheap enough to call every few thousand steps.
    pub fn at(&mut self, position: u64) {
        if !self.visible {
            return;
        }
        if !self.shown {
            if self.started.elapsed().as_secs() < 2 {
                return;
            }
            self.shown = true;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_position(position);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
