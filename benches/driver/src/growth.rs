//! How the cost of an event to one user grows with the number of streams, beside the growth that the sockets cause by
//! themselves: their memory fits no cache at some number.

use serde::Serialize;

use crate::metric::Metric;
use crate::results::WorkResults;
use crate::stats::Spread;
use crate::work::TARGETED;

const FLOOR: &str = "floor-1";

/// Of one subject: its cost with many streams over its cost with few.
#[derive(Debug, Serialize)]
pub(crate) struct Growth {
    pub(crate) subject: &'static str,
    pub(crate) growth: Spread,
    /// As a multiple of what the floor's is.
    pub(crate) over_floor: Option<Spread>,
}

impl Growth {
    /// Of all subjects that did both works.
    pub(crate) fn of(works: &[WorkResults]) -> Vec<Self> {
        let work = |name| works.iter().find(|work| work.name == name);
        let (Some(few), Some(many)) = (work(TARGETED.few), work(TARGETED.many)) else { return Vec::new() };
        let series = |name: &str| {
            let cost = |work: &WorkResults| Some(work.subject(name)?.series(Metric::CpuPerDelivery));
            Some(cost(many)?.over(&cost(few)?))
        };
        let floor = series(FLOOR);
        let growth = |name| {
            let own = series(name)?;
            let over_floor = floor.as_ref().and_then(|floor| own.over(floor).spread());
            Some(Self { subject: name, growth: own.spread()?, over_floor })
        };
        many.subjects.iter().filter_map(|subject| growth(subject.name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::done;

    #[test]
    fn growth_is_told_beside_that_of_the_floor() {
        let works = [
            done(TARGETED.few, &[("floor-1", &[100, 100]), ("axum", &[200, 100]), ("actix", &[1])]),
            done(TARGETED.many, &[("floor-1", &[200, 200]), ("axum", &[600, 300])]),
        ];
        let growth = Growth::of(&works);
        let told: Vec<_> =
            growth.iter().map(|of| (of.subject, of.growth.median, of.over_floor.unwrap().median)).collect();
        assert_eq!(told, [("floor-1", 2.0, 1.0), ("axum", 3.0, 1.5)]);
    }

    #[test]
    fn one_work_alone_shows_no_growth() {
        assert!(Growth::of(&[done(TARGETED.few, &[("axum", &[1])])]).is_empty());
    }
}
