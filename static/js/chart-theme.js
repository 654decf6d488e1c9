// How a Plotly figure looks here: colours from the tokens, lines named at their end, no legend, no tool bar.
// The server's figure carries data, ranges, units and reference lines; nothing of it carries a colour.
(function () {
  'use strict';
  var NEAR = 3; // times the highest value
  var probe = document.createElement('i');
  probe.hidden = true;
  document.body.append(probe);
  function css(name) { probe.style.color = 'var(' + name + ')'; return getComputedStyle(probe).color; }
  function palette() {
    return { c: ['--c1', '--c2', '--c3', '--c4', '--c5', '--c6'].map(css), ref: css('--chart-ref'), grid: css('--chart-grid'),
      axis: css('--chart-axis'), text: css('--text'), text2: css('--text-2'), line: css('--line-strong'), surface: css('--overlay'), warn: css('--warn') };
  }
  function color(trace, index, p) { var meta = trace.meta || {}; return meta.ref ? p.ref : p.c[(meta.color === undefined ? index : meta.color) % p.c.length]; }
  function last(values) { for (var i = values.length - 1; i >= 0; i--) if (values[i] !== null && values[i] !== undefined) return values[i]; return null; }

  function traces(figure, p) {
    return figure.data.map(function (trace, index) {
      var ref = trace.meta && trace.meta.ref, axis = nameOf(trace);
      var suffix = (figure.layout[axis] && figure.layout[axis].ticksuffix) || '';
      return { type: 'scatter', mode: 'lines', name: trace.name, x: trace.x, y: trace.y, yaxis: trace.yaxis, connectgaps: false,
        hovertemplate: trace.hovertemplate || '%{y:.3~g}' + suffix,
        line: { color: color(trace, index, p), width: 1.75, dash: ref ? 'dot' : 'solid', shape: 'linear', simplify: true } };
    });
  }

  function axis(own, extra) { return Object.assign({ zeroline: false, fixedrange: true }, extra, own); }
  function lines(figure) { return (figure.layout.meta && figure.layout.meta.lines) || []; }

  var ruler = document.createElement('canvas').getContext('2d');
  // Room for the longest name at the end of a line.
  function room(names, font) {
    ruler.font = '11.5px ' + font;
    return 14 + Math.max.apply(null, [24].concat(names.map(function (name) { return ruler.measureText(name).width; })));
  }

  function layout(figure, p, options) {
    var font = getComputedStyle(document.body).fontFamily, own = figure.layout, names = labels(figure, p, Math.max(40, options.height - 38));
    var result = {
      width: options.width, height: options.height,
      margin: { l: 52, r: room(names.map(function (n) { return n.text; }), font), t: 10, b: 28 }, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', showlegend: false,
      font: { family: font, size: 11.5, color: p.axis }, hovermode: 'x unified', dragmode: 'zoom', uirevision: options.id, datarevision: options.revision,
      hoverlabel: { bgcolor: p.surface, bordercolor: p.line, font: { family: font, size: 12, color: p.text } },
      xaxis: axis(own.xaxis, { type: 'date', showgrid: false, ticks: 'outside', ticklen: 4, tickcolor: p.line, linecolor: p.line, showline: true, nticks: 6,
        hoverformat: '%H:%M:%S', fixedrange: false, showspikes: true, spikecolor: p.line, spikethickness: 1, spikedash: 'solid', spikemode: 'across',
        tickformatstops: [{ dtickrange: [null, 59999], value: '%H:%M:%S' }, { dtickrange: [60000, 43200000], value: '%H:%M' }, { dtickrange: [43200001, null], value: '%d.%m.' }] }),
      yaxis: axis(own.yaxis, { gridcolor: p.grid, nticks: 4, range: extent(figure, 'yaxis') }),
      shapes: near(figure).map(function (l) {
        return { type: 'line', xref: 'paper', x0: 0, x1: 1, yref: 'y', y0: l.y, y1: l.y, line: { color: l.limit ? p.warn : p.ref, width: 1, dash: l.limit ? 'dash' : 'dot' } };
      }),
      annotations: names
    };
    if (own.yaxis2) result.yaxis2 = axis(own.yaxis2, { overlaying: 'y', side: 'right', showgrid: false, showticklabels: false, range: extent(figure, 'yaxis2') });
    return result;
  }

  // The range of a vertical axis: from zero, except temperatures; a share ends at 100 %. A reference line that lies
  // not too far above the data is kept in sight; one far away would flatten the data and is left out.
  function extent(figure, name) {
    var own = figure.layout[name] || {}, suffix = (own.ticksuffix || '').trim(), top = -Infinity, low = Infinity;
    if (own.range) return own.range;
    figure.data.forEach(function (t) {
      if (nameOf(t) === name) t.y.forEach(function (v) { if (v !== null) { top = Math.max(top, v); low = Math.min(low, v); } });
    });
    if (top === -Infinity) { top = 1; low = 0; }
    if (name === 'yaxis') lines(figure).forEach(function (l) { if (l.y <= Math.max(top, 1e-9) * NEAR) top = Math.max(top, l.y); });
    if (suffix === '%') top = Math.max(100, top);
    low = suffix === '°C' ? Math.floor(low / 10) * 10 - 10 : Math.min(0, low);
    return [low, suffix === '%' && top === 100 ? 100 : low + ((top - low) || 1) * 1.08];
  }
  function nameOf(trace) { return trace.yaxis === 'y2' ? 'yaxis2' : 'yaxis'; }
  function near(figure) { var range = extent(figure, 'yaxis'); return lines(figure).filter(function (l) { return l.y <= range[1]; }); }

  // Names at the end of the lines; those that would touch are pushed apart. Heights are shares of the plot.
  function labels(figure, p, height) {
    var ranges = { yaxis: extent(figure, 'yaxis'), yaxis2: extent(figure, 'yaxis2') }, need = 14 / height, out = [];
    function add(value, name, text, ink) { var r = ranges[name]; if (value !== null) out.push({ at: Math.min(1, Math.max(0, (value - r[0]) / ((r[1] - r[0]) || 1))), text: text, color: ink }); }
    figure.data.forEach(function (t, i) { add(last(t.y), nameOf(t), t.name, t.meta && t.meta.ref ? p.text2 : color(t, i, p)); });
    near(figure).forEach(function (l) { if (l.label) add(l.y, 'yaxis', l.label, l.limit ? p.warn : p.text2); });
    out.sort(function (a, b) { return a.at - b.at; });
    for (var i = 1; i < out.length; i++) if (out[i].at - out[i - 1].at < need) out[i].at = out[i - 1].at + need;
    return out.map(function (a) {
      return { xref: 'paper', x: 1, xanchor: 'left', xshift: 6, yref: 'paper', y: a.at, yanchor: 'middle', text: a.text, showarrow: false, font: { size: 11.5, color: a.color } };
    });
  }
  window.Muster.chartTheme = { palette: palette, traces: traces, layout: layout, last: last };
})();
