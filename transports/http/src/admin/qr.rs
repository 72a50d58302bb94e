//! A link as a QR code, for a page to draw.

use qrcode::{Color, EcLevel, QrCode};

/// The modules, row by row from the top: `1` is dark. No margin is part of it. `None` if the text
/// is too long.
pub(super) fn modules(text: &str) -> Option<Vec<String>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let (width, colors) = (code.width(), code.to_colors());
    let spell = |color: &Color| if *color == Color::Dark { '1' } else { '0' };
    Some(colors.chunks(width).map(|row| row.iter().map(spell).collect()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_square_and_has_its_three_finders() {
        let rows = modules("http://127.0.0.1:8765/.doorward/pair#grant").expect("short enough");
        assert!(rows.iter().all(|row| row.len() == rows.len()));
        let finder = "1111111";
        assert!(rows[0].starts_with(finder) && rows[0].ends_with(finder));
        assert!(rows[rows.len() - 1].starts_with(finder));
    }

    #[test]
    fn what_does_not_fit_is_no_code() {
        assert_eq!(modules(&"x".repeat(5000)), None);
    }
}
