// Live charts on Plotly: one scheduler for the whole page.
// - Samples go into plain arrays at any rate; drawing happens at most once per period, for charts on screen.
// - Off-screen charts and hidden tabs keep collecting but do not draw.
// - Interaction pauses drawing: nothing moves under the pointer. Charts of one group share one time axis.
(function () {
  'use strict';
  var theme = window.Muster.chartTheme, charts = new Map(), dirty = new Set(), frozen = false, linking = false;
  // No cloud button, no logo, no server: the defaults of plotly.js 4 offer to upload the data.
  var CONFIG = {
    displayModeBar: false, displaylogo: false, responsive: false, showSendToCloud: false, plotlyServerURL: '', doubleClick: 'reset'
  };
  var KEEP = 300; // points per trace: the cost of a draw is bounded
  // One chart costs about 10 ms on a laptop however many points it has, so the lever is how often charts draw.
  // Drawing may take a quarter of the main thread: with many charts on screen the period stretches past 1 s.
  var BUDGET_MS = 8, SHARE = 0.25, cost = 10;

  var seen = new IntersectionObserver(function (entries) {
    entries.forEach(function (entry) { var c = charts.get(entry.target); if (c) c.seen = entry.isIntersecting; });
  }, { rootMargin: '120px' });

  function render(c) {
    if (c.element.hidden) return; // its table is shown instead
    var p = theme.palette(), size = { width: c.element.clientWidth, height: c.element.clientHeight };
    var options = { id: c.element.id, revision: ++c.revision, room: room(c) };
    window.Plotly.react(c.element, theme.traces(c.figure, p), theme.layout(c.figure, p, Object.assign(options, size)), CONFIG);
  }
  function isMate(c, d) { return c !== d && c.group && c.group === d.group; }
  function isAsWide(c, d) { return Math.abs(c.element.clientWidth - d.element.clientWidth) < 8; } // a border between them
  // Charts of one group and width leave the same room for names, so that their time axes stand under each other.
  function room(c) {
    var widest = theme.room(c.figure);
    charts.forEach(function (d) { if (isMate(c, d) && isAsWide(c, d)) widest = Math.max(widest, theme.room(d.figure)); });
    return widest;
  }
  function make(element, figure) {
    var c = charts.get(element) || { element: element, group: element.dataset.group, revision: 0, seen: true, held: false };
    c.figure = figure;
    c.zoomed = false;
    render(c);
    charts.forEach(function (d) { if (isMate(c, d)) dirty.add(d); });
    if (charts.has(element)) return c;
    charts.set(element, c);
    seen.observe(element);
    element.addEventListener('pointerenter', function () { c.held = true; });
    element.addEventListener('pointerleave', function () { c.held = false; });
    element.on('plotly_relayout', function (change) { link(c, change); });
    return c;
  }
  // Forgets a chart whose figure has nothing to draw.
  function drop(element) {
    var c = charts.get(element);
    if (!c) return;
    charts.delete(element);
    dirty.delete(c);
    seen.unobserve(element);
    window.Plotly.purge(element);
  }
  function link(c, change) {
    if (linking || !('xaxis.range[0]' in change || 'xaxis.autorange' in change)) return;
    linking = true;
    var zoomed = 'xaxis.range[0]' in change, jobs = [];
    var own = c.figure.layout.xaxis && c.figure.layout.xaxis.range;
    var update = { 'xaxis.range': zoomed ? [change['xaxis.range[0]'], change['xaxis.range[1]']] : own };
    charts.forEach(function (d) {
      if (d !== c && !isMate(c, d)) return;
      d.zoomed = zoomed;
      if (d !== c) jobs.push(window.Plotly.relayout(d.element, update));
    });
    Promise.all(jobs).finally(function () { linking = false; });
  }

  function shift(time, by) { return new Date(Date.parse(time + 'Z') + by).toISOString().slice(0, 23); }
  // Appends one reading; `values` by the traces' keys. The window moves with the newest reading.
  function push(c, time, values) {
    c.figure.data.forEach(function (trace) {
      var key = trace.meta && trace.meta.key;
      if (!(key in values) || trace.x.length && time <= trace.x[trace.x.length - 1]) return;
      trace.x.push(time);
      trace.y.push(values[key]);
      if (trace.x.length > KEEP) { trace.x.shift(); trace.y.shift(); }
    });
    var axis = c.figure.layout.xaxis;
    if (axis && axis.range && time > axis.range[1]) {
      var by = Date.parse(time + 'Z') - Date.parse(axis.range[1] + 'Z');
      axis.range = [shift(axis.range[0], by), shift(axis.range[1], by)];
    }
    dirty.add(c);
  }

  function period() {
    var visible = Array.from(charts.values()).filter(function (c) { return c.seen; }).length;
    return Math.max(1000, visible * cost / SHARE);
  }
  function frame(now) {
    var start = performance.now(), gap = period() - 20;
    if (!document.hidden && !frozen) Array.from(dirty).forEach(function (c) {
      if (performance.now() - start > BUDGET_MS || !c.seen || c.held || c.zoomed || now - (c.drawn || -gap) < gap) return;
      dirty.delete(c);
      c.drawn = now;
      var before = performance.now();
      render(c);
      cost += (performance.now() - before - cost) * 0.1;
    });
    requestAnimationFrame(frame);
  }
  requestAnimationFrame(frame);
  document.addEventListener('themechange', function () { charts.forEach(render); });
  var timer;
  addEventListener('resize', function () {
    clearTimeout(timer);
    timer = setTimeout(function () { charts.forEach(render); }, 120);
  });
  function freeze(on) { frozen = on; }
  window.Muster.charts = { make: make, drop: drop, push: push, draw: render, all: charts, freeze: freeze };
})();
