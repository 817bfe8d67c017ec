//! Figures to look at: for each work whose subjects differ much, a chart with a row for each subject.
//!
//! A dot is the median and the line through it the spread. Charts are SVG with a background of their own, light or
//! dark as the reader prefers.

use anyhow::{Result, anyhow};
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use crate::metric::Metric;
use crate::results::{Results, WorkResults};
use crate::stats::Spread;
use crate::subject;
use crate::table::grouped;
use crate::work::Kind;

const WIDTH: u32 = 760;
const ROW: u32 = 26;
/// Title and axis.
const AROUND: u32 = 100;

/// Where the largest figure is so many times the smallest, small ones could not be told apart on a linear axis.
const LOGARITHMIC_FROM: f64 = 20.0;

/// The part of the axis that is left free for the number beside the last dot.
const ROOM_FOR_NUMBERS: f64 = 0.15;

/// Turns black on white into light on dark; the colours of the dots suit both.
const DARK: &str = r##"<style>@media (prefers-color-scheme: dark) {
[fill="#FFFFFF"] { fill: #0D1117 } [fill="#000000"] { fill: #E6EDF3 } [stroke="#000000"] { stroke: #E6EDF3 }
}</style>
"##;

const GREY: RGBColor = RGBColor(0x84, 0x8D, 0x97);
const OURS: RGBColor = RGBColor(0x2F, 0x81, 0xF7);
const PEER: RGBColor = RGBColor(0xDB, 0x6D, 0x28);

/// One chart.
#[derive(Debug)]
pub(crate) struct Plot {
    pub(crate) work: &'static str,
    pub(crate) title: String,
    pub(crate) file: String,
    pub(crate) svg: String,
}

/// One line of a chart.
struct Row {
    name: &'static str,
    colour: RGBColor,
    figure: Spread,
}

/// The charts of a run.
///
/// # Errors
/// One can't be drawn.
pub(crate) fn plots(results: &Results) -> Result<Vec<Plot>> {
    let mut plots = Vec::new();
    for work in &results.works {
        for (metric, suffix) in charts(work.kind) {
            let rows = rows(work, *metric);
            if rows.len() > 1 {
                let title = format!("{}: {}", work.name, metric.title());
                let svg = chart(&title, &rows).map_err(|error| error.context(title.clone()))?;
                plots.push(Plot { work: work.name, file: format!("{}-{suffix}.svg", work.name), title, svg });
            }
        }
    }
    Ok(plots)
}

fn charts(kind: Kind) -> &'static [(Metric, &'static str)] {
    match kind {
        Kind::Burst | Kind::Targeted => &[(Metric::CpuPerDelivery, "cpu")],
        Kind::Paced => &[(Metric::CpuPerDelivery, "cpu"), (Metric::LastReceiverP50, "last-receiver")],
        _ => &[],
    }
}

/// The subjects whose figures count.
fn rows(work: &WorkResults, metric: Metric) -> Vec<Row> {
    let subjects = work.subjects.iter().filter(|subject| subject.fault().is_none());
    let row = |subject: &crate::results::SubjectResults| {
        let colour = match subject.kind {
            subject::Kind::Floor | subject::Kind::Bare => GREY,
            subject::Kind::Ssehub => OURS,
            subject::Kind::Peer => PEER,
        };
        Some(Row { name: subject.name, colour, figure: subject.figure(metric)?.value })
    };
    subjects.filter_map(row).filter(|row| row.figure.min > 0.0).collect()
}

fn chart(title: &str, rows: &[Row]) -> Result<String> {
    let least = rows.iter().map(|row| row.figure.min).fold(f64::INFINITY, f64::min);
    let most = rows.iter().map(|row| row.figure.max).fold(0.0, f64::max);
    let drawn = if most / least >= LOGARITHMIC_FROM {
        let low = 10_f64.powf(least.log10().floor());
        draw(title, rows, (low..most * (most / low).powf(ROOM_FOR_NUMBERS)).log_scale())
    } else {
        draw(title, rows, RangedCoordf64::from(0.0..most * (1.0 + ROOM_FOR_NUMBERS)))
    };
    let svg = drawn.map_err(|error| anyhow!("{error}"))?;
    let (opening, rest) = svg.split_once('\n').ok_or_else(|| anyhow!("the chart has no lines"))?;
    Ok(format!("{opening}\n{DARK}{rest}"))
}

fn draw<X>(title: &str, rows: &[Row], axis: X) -> Result<String, Box<dyn std::error::Error>>
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let mut svg = String::new();
    let count = u32::try_from(rows.len())?;
    let root = SVGBackend::with_string(&mut svg, (WIDTH, AROUND + ROW * count)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .margin_right(24)
        .x_label_area_size(34)
        .y_label_area_size(96)
        .build_cartesian_2d(axis, (0..count).into_segmented())?;
    let name = |row: &SegmentValue<u32>| match row {
        // The space keeps it away from the axis.
        SegmentValue::CenterOf(row) => at(rows, count, *row).map_or("", |row| row.name).to_owned() + "\u{a0}\u{a0}",
        _ => String::new(),
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(TRANSPARENT)
        .y_labels(rows.len())
        .set_tick_mark_size(LabelAreaPosition::Left, 0)
        .y_label_formatter(&name)
        .x_label_formatter(&|figure| grouped(*figure))
        .label_style(("sans-serif", 15))
        .draw()?;
    for place in 0..count {
        let Some(row) = at(rows, count, place) else { continue };
        let Spread { median, min, max } = row.figure;
        let y = || SegmentValue::CenterOf(place);
        let number = Text::new(grouped(median), (9, -6), ("sans-serif", 15));
        chart.draw_series([PathElement::new([(min, y()), (max, y())], row.colour.stroke_width(2))])?;
        chart.draw_series([Circle::new((median, y()), 5, row.colour.filled())])?;
        chart.draw_series([EmptyElement::at((max, y())) + number])?;
    }
    root.present()?;
    drop(chart);
    drop(root);
    Ok(svg)
}

/// The row in that place, counted from below.
fn at(rows: &[Row], count: u32, place: u32) -> Option<&Row> {
    rows.get(usize::try_from(count.checked_sub(place + 1)?).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Fault;
    use crate::results::tests::{done, run};

    #[test]
    fn a_chart_names_its_subjects_and_unit_and_tells_their_medians() {
        let works = vec![done("burst-1k", &[("floor-64", &[1_000]), ("axum", &[12_340]), ("peer-axum", &[900_000])])];
        let plots = plots(&run(works)).unwrap();
        assert_eq!(plots.iter().map(|plot| plot.file.as_str()).collect::<Vec<_>>(), ["burst-1k-cpu.svg"]);
        for text in
            ["floor-64", "axum", "peer-axum", "1,234", "90,000", "server CPU a delivery, ns", "prefers-color-scheme"]
        {
            assert!(plots[0].svg.contains(text), "{text} is not in {}", plots[0].svg);
        }
    }

    #[test]
    fn figures_that_do_not_count_are_not_drawn() {
        let mut work = done("burst-1k", &[("floor-64", &[1]), ("axum", &[2]), ("peer-axum", &[3])]);
        work.subjects[2].outcomes.push(Err(Fault::Failed("why".to_owned())));
        let plots = plots(&run(vec![work])).unwrap();
        assert!(!plots[0].svg.contains("peer-axum"));
    }
}
