// Fills [data-chart] from its figure's address and keeps it live.
//   <div class="plot" id="latency" data-chart="/nodes/…/figures/latency" data-range="5m" data-topic="node.…">
// A figure without a single value is a sentence, and becomes a chart with the first reading.
(function () {
  'use strict';
  var charts = window.Muster.charts, text = window.Muster.text, words = window.Muster.chartReading;
  function panels() { return document.querySelectorAll('[data-chart]'); }
  function address(plot) {
    var url = new URL(plot.dataset.chart, location.href);
    if (plot.dataset.range) url.searchParams.set('range', plot.dataset.range);
    return url;
  }
  function missing(plot, key, retry) {
    var note = document.createElement('p');
    note.className = 'plot-missing';
    note.textContent = text(key);
    if (retry) note.append(retryButton(plot));
    charts.drop(plot);
    plot.replaceChildren(note);
  }
  function retryButton(plot) {
    var button = document.createElement('button');
    button.className = 'btn';
    button.type = 'button';
    button.textContent = text('tryAgain');
    button.addEventListener('click', function () { load(plot); });
    return button;
  }
  function load(plot) {
    if (!window.Plotly) return missing(plot, 'noCharts');
    plot.setAttribute('aria-busy', 'true');
    return fetch(address(plot), { headers: { Accept: 'application/json' } })
      .then(function (answer) { if (!answer.ok) throw new Error(answer.status); return answer.json(); })
      .then(function (figure) { show(plot, figure); })
      .catch(function () { if (!charts.all.has(plot)) missing(plot, 'chartFailed', true); })
      .finally(function () { plot.removeAttribute('aria-busy'); });
  }
  function show(plot, figure) {
    words.describe(plot, figure);
    words.read(plot, figure);
    if (window.Muster.chartScale.isEmpty(figure)) return missing(plot, plot.dataset.empty || 'nothing-' + plot.dataset.range);
    if (plot.querySelector('.plot-missing')) plot.replaceChildren();
    charts.make(plot, figure);
  }

  // A sample's fields in the units of the axes.
  function values(sample) {
    function scaled(value, by) { return value === null || value === undefined ? null : value * by; }
    return {
      rtt_ms: sample.rtt_ms, cpu: scaled(sample.cpu, 100), load1: sample.load1, temperature_c: sample.temperature_c,
      memory_used_bytes: scaled(sample.memory_used_bytes, 1 / 1073741824), battery: scaled(sample.battery, 100)
    };
  }
  // A chart of components has a line for each: what one answered extends its own.
  function answer(inference) {
    var one = {};
    one['shard-' + inference.shard] = inference.mean_ms;
    return one;
  }
  function answered(plot, inferences) {
    var chart = charts.all.get(plot), known = chart && chart.figure.layout.meta.keys || [];
    var told = (inferences || []).filter(function (inference) { return inference.mean_ms !== null; });
    var isNew = told.some(function (inference) { return known.indexOf('shard-' + inference.shard) < 0; });
    if (!told.length) return;
    if (chart && isNew && !plot.hasAttribute('aria-busy')) load(plot);
    else extend(plot, told, answer);
  }
  function extend(plot, samples, read) {
    var chart = charts.all.get(plot);
    if (!chart) {
      if (!plot.hasAttribute('aria-busy')) load(plot); // its first reading is stored before it is told
      return;
    }
    samples.forEach(function (sample) { charts.push(chart, sample.at, read(sample)); });
    if (!document.querySelector('[data-freeze][aria-pressed=true]')) words.read(plot, chart.figure);
  }
  document.addEventListener('live:message', function (event) {
    var data = event.detail.data || {};
    if (data.samples) panels().forEach(function (plot) {
      if (plot.dataset.topic !== event.detail.topic) return;
      if (plot.dataset.reads === 'inferences') answered(plot, data.inferences);
      else if (data.samples.length) extend(plot, data.samples, values);
    });
  });
  document.addEventListener('live:gap', function (event) {
    panels().forEach(function (plot) {
      if (!event.detail.topic || plot.dataset.topic === event.detail.topic) load(plot);
    });
  });
  // Figures over hours come from rollups and do not grow by the second: they are fetched anew.
  setInterval(function () {
    if (document.hidden) return;
    panels().forEach(function (plot) {
      var chart = charts.all.get(plot), isRead = plot.matches(':hover') || chart && chart.zoomed;
      if ('every' in plot.dataset && !isRead) load(plot);
    });
  }, 10000);
  window.Muster.chartPanel = { load: load, panels: panels };
  panels().forEach(load);
})();
