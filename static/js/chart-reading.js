// The words around a chart: the current reading beside its heading, and the finding for those who do not see it.
(function () {
  'use strict';
  var text = window.Muster.text, last = window.Muster.chartTheme.last;
  function digits(value) { return value.toFixed(Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0); }
  function describe(plot, figure) {
    var meta = figure.layout.meta || {};
    if (meta.finding) plot.setAttribute('aria-label', meta.finding);
    var title = document.querySelector('[data-title="' + plot.id + '"]');
    if (title && meta.title) title.textContent = meta.title; // what was measured may be another thing than before
    var note = document.querySelector('[data-note="' + plot.id + '"]');
    if (note) { note.textContent = meta.note || ''; note.hidden = !meta.note; }
  }
  // Each series' newest value with its unit; the heading names a series that stands alone.
  function read(plot, figure) {
    var place = document.querySelector('[data-reading="' + plot.id + '"]'), parts = [];
    if (!place) return;
    var series = figure.data.filter(function (trace) { return !(trace.meta && trace.meta.ref); });
    series.forEach(function (trace) {
      var value = last(trace.y), axis = figure.layout[trace.yaxis === 'y2' ? 'yaxis2' : 'yaxis'] || {};
      if (value === null) return;
      var figureText = document.createElement('b');
      figureText.textContent = digits(value) + (axis.ticksuffix || '');
      if (series.length > 1) parts.push((parts.length ? text('comma') : '') + trace.name + '\u00a0');
      parts.push(figureText);
    });
    place.replaceChildren.apply(place, parts.length ? parts : [text('noData')]);
  }
  window.Muster.chartReading = { describe: describe, read: read };
})();
