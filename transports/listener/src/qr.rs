//! A link as a QR code for a terminal.

use qrcode::{EcLevel, QrCode};

/// The code in half blocks, two modules a character, with a margin; dark on light whatever the
/// terminal's colours are. `None` if the text is too long.
pub(crate) fn render(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let (width, colors) = (code.width() as isize, code.to_colors());
    let margin = 2;
    let dark = |x: isize, y: isize| {
        let inside = (0..width).contains(&x) && (0..width).contains(&y);
        inside && colors[(y * width + x) as usize] == qrcode::Color::Dark
    };
    let mut lines = String::new();
    let mut y = -margin;
    while y < width + margin {
        lines.push_str("\u{1b}[30;107m");
        for x in -margin..width + margin {
            lines.push(match (dark(x, y), dark(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        lines.push_str("\u{1b}[0m\n");
        y += 2;
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_fits_an_ordinary_terminal() {
        let link = format!("http://127.0.0.1:8765/.doorward/pair#{}", "x".repeat(43));
        let drawn = render(&link).expect("short enough");
        let lines: Vec<_> = drawn.lines().collect();
        assert!(lines.len() <= 22, "{} lines", lines.len());
        let width = lines[0].chars().filter(|each| "█▀▄ ".contains(*each)).count();
        assert!(width <= 50, "{width} columns");
    }
}
