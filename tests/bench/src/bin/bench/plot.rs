//! The plot: CPU time a request against connections, both on logarithmic scales: the clients lie
//! apart by a factor of twenty.

use std::collections::BTreeMap;

use muxfer_bench::report::Report;
use muxfer_bench::root;
use plotters::prelude::*;

use crate::Outcome;
use crate::client::Client;
use crate::measure::Results;
use crate::plan::Workload;
use crate::table::{Spread, thousands};

/// Told apart by people who don't see all colours alike (Okabe and Ito).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 0, 0),
    RGBColor(213, 94, 0),
    RGBColor(0, 114, 178),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// One curve for each client: connections and microseconds.
#[derive(Default)]
pub(crate) struct Curves(BTreeMap<Client, Vec<(f64, f64)>>);

impl Curves {
    /// Takes the points of a workload that is part of the plot.
    pub(crate) fn take(&mut self, workload: &Workload, results: &Results) {
        if !workload.is_kept() {
            return;
        }
        for (&client, reports) in results {
            let median = Spread::of(reports.iter().map(Report::cpu_us)).median;
            let curve = self.0.entry(client).or_default();
            curve.push((workload.connections as f64, median));
        }
    }

    /// Writes `docs/performance.svg`.
    pub(crate) fn draw(&self) -> Outcome<()> {
        let file = root().join("docs/performance.svg");
        let all = || self.0.values().flatten();
        let last = all()
            .map(|&(connections, _)| connections)
            .fold(1.0, f64::max);
        let micros = Spread::of(all().map(|&(_, micros)| micros));
        let (x, y) = (1.0..last, micros.least / 1.5..micros.most * 1.5);
        let area = SVGBackend::new(&file, (900, 540)).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption("1 KiB over kept connections", ("sans-serif", 20))
            .margin(16)
            .x_label_area_size(48)
            .y_label_area_size(64)
            .build_cartesian_2d(x.log_scale(), y.log_scale())?;
        chart
            .configure_mesh()
            .x_desc("connections")
            .y_desc("CPU time a request, in microseconds")
            .x_label_formatter(&|connections| thousands(*connections))
            .y_label_formatter(&|micros| thousands(*micros))
            .draw()?;
        for (index, (client, curve)) in self.0.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let line = LineSeries::new(curve.iter().copied(), colour.stroke_width(2)).point_size(3);
            chart
                .draw_series(line)?
                .label(client.title())
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2))
                });
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE)
            .border_style(BLACK)
            .draw()?;
        area.present()?;
        println!("{} is written", file.display());
        Ok(())
    }
}
