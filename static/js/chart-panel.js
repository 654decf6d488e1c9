// Fills [data-chart] from its figure's address and keeps it live.
//   <div class="plot" id="latency" data-chart="/nodes/…/figures/latency" data-range="5m" data-topic="node.…">
(function () {
  'use strict';
  var charts = window.Muster.charts, text = window.Muster.text, last = window.Muster.chartTheme.last;
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
    if (retry) {
      var button = document.createElement('button');
      button.className = 'btn';
      button.type = 'button';
      button.textContent = text('tryAgain');
      button.addEventListener('click', function () { note.remove(); load(plot); });
      note.append(button);
    }
    plot.replaceChildren(note);
  }
  function load(plot) {
    if (!window.Plotly) return missing(plot, 'noCharts');
    plot.setAttribute('aria-busy', 'true');
    return fetch(address(plot), { headers: { Accept: 'application/json' } })
      .then(function (answer) { if (!answer.ok) throw new Error(answer.status); return answer.json(); })
      .then(function (figure) {
        if (plot.querySelector('.plot-missing')) plot.replaceChildren();
        describe(plot, figure);
        charts.make(plot, figure);
        read(plot, figure);
      })
      .catch(function () { if (!charts.all.has(plot)) missing(plot, 'chartFailed', true); })
      .finally(function () { plot.removeAttribute('aria-busy'); });
  }
  function describe(plot, figure) { if (figure.layout.meta && figure.layout.meta.finding) plot.setAttribute('aria-label', figure.layout.meta.finding); }

  // The current reading beside the heading: each series' newest value with its unit.
  function read(plot, figure) {
    var place = document.querySelector('[data-reading="' + plot.id + '"]');
    if (!place) return;
    var parts = [], single = figure.data.filter(function (t) { return !(t.meta && t.meta.ref); }).length === 1;
    figure.data.forEach(function (trace) {
      var value = last(trace.y), axis = figure.layout[trace.yaxis === 'y2' ? 'yaxis2' : 'yaxis'] || {}, bold = document.createElement('b');
      if (value === null || trace.meta && trace.meta.ref) return;
      bold.textContent = (Math.abs(value) < 10 ? value.toFixed(2) : Math.abs(value) < 100 ? value.toFixed(1) : value.toFixed(0)) + (axis.ticksuffix || '');
      if (single) parts.push(bold); // the heading names it
      else parts.push((parts.length ? ', ' : '') + trace.name + ' ', bold);
    });
    place.replaceChildren.apply(place, parts.length ? parts : [text('noData')]);
  }

  // A sample's fields in the units of the axes.
  function values(sample) {
    function scaled(value, by) { return value === null || value === undefined ? null : value * by; }
    return { rtt_ms: sample.rtt_ms, cpu: scaled(sample.cpu, 100), load1: sample.load1, temperature_c: sample.temperature_c,
      memory_used_bytes: scaled(sample.memory_used_bytes, 1 / 1073741824), battery: scaled(sample.battery, 100) };
  }
  document.addEventListener('live:message', function (event) {
    if (!event.detail.data || !event.detail.data.samples) return;
    panels().forEach(function (plot) {
      var chart = charts.all.get(plot);
      if (!chart || plot.dataset.topic !== event.detail.topic) return;
      event.detail.data.samples.forEach(function (sample) { charts.push(chart, sample.at, values(sample)); });
      if (!document.querySelector('[data-freeze][aria-pressed=true]')) read(plot, chart.figure);
    });
  });
  document.addEventListener('live:gap', function (event) {
    panels().forEach(function (plot) { if (!event.detail.topic || plot.dataset.topic === event.detail.topic) load(plot); });
  });
  // Figures over hours come from rollups and do not grow by the second: they are fetched anew.
  setInterval(function () {
    if (document.hidden) return;
    panels().forEach(function (plot) { if (plot.dataset.every && !plot.matches(':hover')) load(plot); });
  }, 10000);
  window.Muster.chartPanel = { load: load, panels: panels };
  panels().forEach(load);
})();
