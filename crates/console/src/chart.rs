//! A histogram as geometry: the template writes the SVG, the style sheet colours it.

use crate::url::Href;

/// Height of the drawing in its own units.
pub(crate) const HEIGHT: u32 = 100;
/// Width of one slice in the drawing's own units, with the space to the next.
pub(crate) const SLICE_WIDTH: u32 = 10;
/// A slice with anything in it is at least this high, so that one event among a million is seen.
const BAR_HEIGHT_MIN: u32 = 3;

/// One bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bar {
    /// Left edge.
    pub(crate) x: u32,
    /// Upper edge.
    pub(crate) y: u32,
    /// Height; 0 when the slice is empty.
    pub(crate) height: u32,
    /// What it says when pointed at: time and count.
    pub(crate) title: String,
    /// The search of this slice alone.
    pub(crate) href: Href,
}

/// Top edge and height of a bar of `value` where `largest` fills the drawing.
pub(crate) fn bar(value: u64, largest: u64) -> (u32, u32) {
    if value == 0 || largest == 0 {
        return (HEIGHT, 0);
    }
    let scaled = u128::from(value) * u128::from(HEIGHT) / u128::from(largest);
    let height = u32::try_from(scaled).unwrap_or(HEIGHT).clamp(BAR_HEIGHT_MIN, HEIGHT);
    (HEIGHT - height, height)
}

/// `value` of `largest` in percent, for a bar beside a number.
pub(crate) fn percent(value: u64, largest: u64) -> u32 {
    bar(value, largest).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_fill_the_drawing_and_never_leave_it() {
        assert_eq!(bar(0, 10), (100, 0));
        assert_eq!(bar(10, 10), (0, 100));
        assert_eq!(bar(1, 1_000_000), (97, 3));
        assert_eq!(bar(u64::MAX, u64::MAX), (0, 100));
        assert_eq!(bar(5, 0), (100, 0));
    }
}
