// Four charts of the last 15 minutes, by Chart.js (the global Chart).
import * as format from "./format.js";

const WINDOW_MS = 15 * 60 * 1000;

const CHARTS = [
  {id: "chart-throughput", name: "Throughput", text: format.rate, base: 1024, least: 1024,
   lines: [["received_per_second", "received", "--blue"], ["sent_per_second", "sent", "--teal"]]},
  {id: "chart-saved", name: "Saved", text: format.rate, base: 1024, least: 1024,
   lines: [["saved_per_second", "saved", "--violet"]]},
  {id: "chart-connections", name: "Connections and transfers", text: format.count, base: 1000, least: 4,
   lines: [["connections", "connections", "--blue"], ["transfers", "transfers", "--teal"]]},
  {id: "chart-latency", name: "Latency of requests to delta", text: format.duration, base: 1000, least: 0.001,
   lines: [["request_p50_seconds", "half within", "--teal"], ["request_p99_seconds", "99 % within", "--violet"]]},
];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// The step of an axis with about four of them up to `most`, round in the unit that it is told in.
function roundStep(most, base) {
  const power = base ** Math.floor(Math.log(most) / Math.log(base));
  const wanted = most / power / 4;
  const decade = 10 ** Math.floor(Math.log10(wanted));
  return power * decade * [1, 2, 5, 10].find((factor) => factor * decade >= wanted);
}

function age(at, now) {
  const minutes = Math.round((at - now) / 60000);
  return minutes === 0 ? "now" : `${minutes} min`;
}

class LineChart {
  constructor(plan) {
    this.plan = plan;
    this.canvas = document.getElementById(plan.id);
    this.chart = new Chart(this.canvas, {
      type: "line",
      data: {datasets: plan.lines.map(([, label]) => ({label, data: [], borderWidth: 2, pointRadius: 0, pointHitRadius: 8,
                                                       tension: 0.25, cubicInterpolationMode: "monotone", fill: true}))},
      options: {
        animation: false, parsing: false, normalized: true, responsive: true, maintainAspectRatio: false,
        interaction: {mode: "index", intersect: false},
        scales: {
          x: {type: "linear", grid: {display: false}, ticks: {maxRotation: 0, autoSkip: false, callback(at) { return age(at, this.max); }},
              afterBuildTicks: (axis) => { axis.ticks = [-15, -10, -5, 0].map((ago) => ({value: axis.max + ago * 60000})); }},
          y: {min: 0, border: {display: false}, ticks: {callback: (value) => plan.text(value)}},
        },
        plugins: {
          legend: {display: plan.lines.length > 1, position: "bottom", labels: {usePointStyle: true, pointStyle: "line", boxHeight: 6, padding: 10}},
          tooltip: {callbacks: {title: (items) => format.clock(new Date(items[0].parsed.x)),
                                label: (item) => ` ${item.dataset.label} ${plan.text(item.parsed.y)}`}},
        },
      },
    });
    this.paint();
  }

  // In the colours of the theme.
  paint() {
    const {options, data} = this.chart;
    data.datasets.forEach((dataset, i) => {
      dataset.borderColor = colour(this.plan.lines[i][2]);
      dataset.backgroundColor = `${dataset.borderColor}1c`;
    });
    options.color = colour("--dim");
    options.scales.x.ticks.color = options.scales.y.ticks.color = colour("--dim");
    options.scales.y.grid = {color: colour("--grid"), drawBorder: false};
    options.scales.x.grid = {display: false, drawBorder: false};
    options.plugins.legend.labels.color = colour("--dim");
    this.chart.update("none");
  }

  show(points, now) {
    let most = 0;
    this.plan.lines.forEach(([field], i) => {
      this.chart.data.datasets[i].data = points.map((point) => {
        if (point[field] !== null) most = Math.max(most, point[field]);
        return {x: point.time_ms, y: point[field]};
      });
    });
    const {x, y} = this.chart.options.scales;
    x.max = now;
    x.min = now - WINDOW_MS;
    y.ticks.stepSize = roundStep(Math.max(most, this.plan.least), this.plan.base);
    y.max = Math.max(1, Math.ceil(Math.max(most, this.plan.least) / y.ticks.stepSize)) * y.ticks.stepSize;
    this.chart.update("none");
    this.describe(points, most);
  }

  // For those who hear the page.
  describe(points, most) {
    const last = points.at(-1);
    const now = this.plan.lines.map(([field, label]) =>
      `${label} ${last === undefined || last[field] === null ? "nothing" : this.plan.text(last[field])}`);
    this.canvas.setAttribute("aria-label", `${this.plan.name}, the last 15 minutes. Now: ${now.join(", ")}. Highest: ${this.plan.text(most)}.`);
  }
}

export class Charts {
  constructor() {
    Chart.defaults.font.family = getComputedStyle(document.documentElement).fontFamily;
    Chart.defaults.font.size = 11;
    this.points = [];
    this.charts = CHARTS.map((plan) => new LineChart(plan));
  }

  replace(points) {
    this.points = points;
    this.draw();
  }

  // Nothing for a point that is there already.
  add(point) {
    if (point === null || point.time_ms <= (this.points.at(-1)?.time_ms ?? 0)) return;
    this.points = [...this.points, point].filter((each) => each.time_ms > point.time_ms - WINDOW_MS);
    this.draw();
  }

  draw() {
    const now = this.points.at(-1)?.time_ms ?? Date.now();
    for (const chart of this.charts) chart.show(this.points, now);
  }

  paint() {
    for (const chart of this.charts) chart.paint();
  }
}
