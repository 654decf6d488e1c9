// How a Plotly figure looks here: colours from the tokens, lines named at their end, no legend, no tool bar.
// The server's figure carries data, ranges, units and reference lines; nothing of it carries a colour.
(function () {
  'use strict';
  var scale = window.Muster.chartScale, extent = scale.extent, near = scale.near, nameOf = scale.nameOf;
  var probe = document.createElement('i');
  probe.hidden = true;
  document.body.append(probe);
  function css(name) { probe.style.color = 'var(' + name + ')'; return getComputedStyle(probe).color; }
  function palette() {
    return {
      c: ['--c1', '--c2', '--c3', '--c4', '--c5', '--c6'].map(css), ref: css('--chart-ref'), grid: css('--chart-grid'),
      axis: css('--chart-axis'), text: css('--text'), text2: css('--text-2'), line: css('--line-strong'),
      surface: css('--overlay'), warn: css('--warn')
    };
  }
  function color(trace, index, p) {
    var meta = trace.meta || {};
    return meta.ref ? p.ref : p.c[(meta.color === undefined ? index : meta.color) % p.c.length];
  }
  function last(values) {
    for (var i = values.length - 1; i >= 0; i--) if (values[i] !== null && values[i] !== undefined) return values[i];
    return null;
  }

  function traces(figure, p) {
    return figure.data.map(function (trace, index) {
      var ref = trace.meta && trace.meta.ref, axis = nameOf(trace);
      var suffix = (figure.layout[axis] && figure.layout[axis].ticksuffix) || '';
      var look = { color: color(trace, index, p), width: 1.75, dash: ref ? 'dot' : 'solid', shape: 'linear', simplify: true };
      return {
        type: 'scatter', mode: trace.mode || 'lines', name: trace.name, x: trace.x, y: trace.y, yaxis: trace.yaxis, connectgaps: false,
        hovertemplate: trace.hovertemplate || '%{y:.3~g}' + suffix, line: look, marker: { size: 5 }
      };
    });
  }

  function axis(own, extra) { return Object.assign({ zeroline: false, fixedrange: true }, extra, own); }

  var ruler = document.createElement('canvas').getContext('2d');
  // Room for the longest name at the end of a line.
  function room(figure) {
    ruler.font = '11.5px ' + getComputedStyle(document.body).fontFamily;
    var names = figure.data.map(function (trace) { return trace.name; });
    scale.lines(figure).forEach(function (line) { if (line.label) names.push(line.label); });
    var widest = Math.max.apply(null, [24].concat(names.map(function (name) { return ruler.measureText(name).width; })));
    return 14 + widest + ticks(figure);
  }
  // Room for the numbers of a second axis, which stand between the plot and the names.
  function ticks(figure) { return figure.layout.yaxis2 ? 34 : 0; }

  function layout(figure, p, options) {
    var font = getComputedStyle(document.body).fontFamily, own = figure.layout;
    var result = {
      width: options.width, height: options.height, margin: { l: 52, r: options.room, t: 10, b: 28 },
      paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', showlegend: false,
      font: { family: font, size: 11.5, color: p.axis }, hovermode: 'x unified', dragmode: 'zoom',
      uirevision: options.id, datarevision: options.revision,
      hoverlabel: { bgcolor: p.surface, bordercolor: p.line, font: { family: font, size: 12, color: p.text } },
      xaxis: timeAxis(own.xaxis, p),
      yaxis: axis(own.yaxis, { gridcolor: p.grid, nticks: 4, range: extent(figure, 'yaxis') }),
      shapes: near(figure).map(function (line) { return reference(line, p); }),
      annotations: labels(figure, p, Math.max(40, options.height - 38))
    };
    if (own.yaxis2) result.yaxis2 = rightAxis(figure, p);
    return result;
  }
  function timeAxis(own, p) {
    return axis(own, {
      type: 'date', fixedrange: false, nticks: 6, showgrid: false, showline: true, linecolor: p.line,
      ticks: 'outside', ticklen: 4, tickcolor: p.line, hoverformat: '%H:%M:%S',
      showspikes: true, spikecolor: p.line, spikethickness: 1, spikedash: 'solid', spikemode: 'across',
      tickformatstops: [
        { dtickrange: [null, 59999], value: '%H:%M:%S' },
        { dtickrange: [60000, 43200000], value: '%H:%M' },
        { dtickrange: [43200001, null], value: '%d.%m.' }
      ]
    });
  }
  // The second axis has the colour of its line, so that nobody reads one with the other's numbers.
  function rightAxis(figure, p) {
    var index = figure.data.findIndex(function (trace) { return nameOf(trace) === 'yaxis2'; });
    return axis(figure.layout.yaxis2, {
      overlaying: 'y', side: 'right', tickmode: 'auto', showgrid: false, nticks: 4, range: extent(figure, 'yaxis2'),
      tickfont: { color: index < 0 ? p.axis : color(figure.data[index], index, p) }
    });
  }
  function reference(line, p) {
    var look = { color: line.limit ? p.warn : p.ref, width: 1, dash: line.limit ? 'dash' : 'dot' };
    return { type: 'line', xref: 'paper', x0: 0, x1: 1, yref: 'y', y0: line.y, y1: line.y, line: look };
  }

  // Names at the end of the lines; those that would touch are pushed apart. Heights are shares of the plot.
  function labels(figure, p, height) {
    var ranges = { yaxis: extent(figure, 'yaxis'), yaxis2: extent(figure, 'yaxis2') }, out = [];
    function add(value, name, text, ink) {
      if (value === null) return;
      var range = ranges[name], at = (value - range[0]) / ((range[1] - range[0]) || 1);
      out.push({ at: Math.min(1, Math.max(0, at)), text: text, color: ink });
    }
    figure.data.forEach(function (t, i) {
      add(last(t.y), nameOf(t), t.name, t.meta && t.meta.ref ? p.text2 : color(t, i, p));
    });
    near(figure).forEach(function (l) { if (l.label) add(l.y, 'yaxis', l.label, l.limit ? p.warn : p.text2); });
    spread(out, 14 / height);
    return out.map(function (label) {
      return {
        xref: 'paper', x: 1, xanchor: 'left', xshift: 6 + ticks(figure), yref: 'paper', y: label.at, yanchor: 'middle',
        text: label.text, showarrow: false, font: { size: 11.5, color: label.color }
      };
    });
  }
  // Pushes what is nearer than `need` upwards, and from the upper edge back down.
  function spread(out, need) {
    out.sort(function (a, b) { return a.at - b.at; });
    for (var i = 1; i < out.length; i++) out[i].at = Math.max(out[i].at, out[i - 1].at + need);
    var ceiling = 1;
    for (var j = out.length - 1; j >= 0; j--, ceiling -= need) out[j].at = Math.min(out[j].at, ceiling);
  }
  window.Muster.chartTheme = { palette: palette, traces: traces, layout: layout, last: last, room: room };
})();
