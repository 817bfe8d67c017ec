//! The middle and the ends of few figures, and what becomes of figures that belong together.

use serde::Serialize;

/// Figures of the repetitions of one measurement.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// One figure for each repetition; none where it failed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series(Vec<Option<f64>>);

impl Series {
    /// This divided by `unit` of the same repetition, so that what the machine did meanwhile cancels out.
    pub(crate) fn over(&self, unit: &Self) -> Self {
        self.with(unit, |own, unit| (unit > 0.0).then(|| own / unit))
    }

    /// This less `other` of the same repetition.
    pub(crate) fn less(&self, other: &Self) -> Self {
        self.with(other, |own, other| Some(own - other))
    }

    fn with(&self, other: &Self, combine: impl Fn(f64, f64) -> Option<f64>) -> Self {
        let pairs = self.0.iter().zip(&other.0);
        Self(pairs.map(|(own, other)| own.zip(*other).and_then(|(own, other)| combine(own, other))).collect())
    }

    pub(crate) fn spread(&self) -> Option<Spread> {
        Spread::of(self.0.iter().flatten().copied())
    }
}

impl FromIterator<Option<f64>> for Series {
    fn from_iter<I: IntoIterator<Item = Option<f64>>>(figures: I) -> Self {
        Self(figures.into_iter().collect())
    }
}

impl Spread {
    /// Of any figures; `None` where there are none, or where one is no number.
    fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        if sorted.iter().any(|figure| figure.is_nan()) {
            return None;
        }
        sorted.sort_by(f64::total_cmp);
        let upper = *sorted.get(sorted.len() / 2)?;
        let lower = *sorted.get((sorted.len() - 1) / 2)?;
        Some(Self { median: f64::midpoint(lower, upper), min: *sorted.first()?, max: *sorted.last()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(figures: &[f64]) -> Series {
        figures.iter().map(|figure| Some(*figure)).collect()
    }

    #[test]
    fn the_median_of_an_odd_number_of_figures_is_one_of_them() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(Spread::of([7.0]), Some(Spread { median: 7.0, min: 7.0, max: 7.0 }));
    }

    #[test]
    fn the_median_of_an_even_number_of_figures_lies_between_two() {
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 8.0]), Some(Spread { median: 3.0, min: 1.0, max: 8.0 }));
    }

    #[test]
    fn no_figures_have_no_median() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([1.0, f64::NAN]), None);
    }

    #[test]
    fn series_are_combined_one_repetition_at_a_time() {
        let (own, other) = (series(&[2.0, 12.0]), series(&[1.0, 4.0]));
        assert_eq!(own.over(&other), series(&[2.0, 3.0]));
        assert_eq!(own.less(&other), series(&[1.0, 8.0]));
    }

    #[test]
    fn a_repetition_that_failed_leaves_the_others_in_step() {
        let own = series(&[10.0, 40.0, 120.0]);
        let unit = Series(vec![Some(5.0), None, Some(40.0)]);
        assert_eq!(own.over(&unit), Series(vec![Some(2.0), None, Some(3.0)]));
        assert_eq!(own.over(&series(&[0.0, 1.0, 1.0])), Series(vec![None, Some(40.0), Some(120.0)]));
    }
}
