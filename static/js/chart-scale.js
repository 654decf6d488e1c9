// How far the axes of a figure reach, and which of its reference lines are in sight.
(function () {
  'use strict';
  var NEAR = 3; // times the highest value
  function lines(figure) { return (figure.layout.meta && figure.layout.meta.lines) || []; }
  // The range of a vertical axis: from zero, except temperatures; a share ends at 100 %. A reference line that lies
  // not too far above the data is kept in sight; one far away would flatten the data and is left out.
  function extent(figure, name) {
    var own = figure.layout[name] || {}, suffix = (own.ticksuffix || '').trim(), top = -Infinity, low = Infinity;
    if (own.range) return own.range;
    figure.data.forEach(function (t) {
      if (nameOf(t) === name) t.y.forEach(function (v) { if (v !== null) { top = Math.max(top, v); low = Math.min(low, v); } });
    });
    if (top === -Infinity) { top = 1; low = 0; }
    if (name === 'yaxis') lines(figure).forEach(function (l) {
      if (l.y <= Math.max(top, 1e-9) * NEAR) top = Math.max(top, l.y);
    });
    if (suffix === '%') top = Math.max(100, top);
    low = suffix === '°C' ? Math.floor(low / 10) * 10 - 10 : Math.min(0, low);
    return [low, suffix === '%' && top === 100 ? 100 : low + ((top - low) || 1) * 1.08];
  }
  function nameOf(trace) { return trace.yaxis === 'y2' ? 'yaxis2' : 'yaxis'; }
  function near(figure) {
    var range = extent(figure, 'yaxis');
    return lines(figure).filter(function (l) { return l.y <= range[1]; });
  }
  function isEmpty(figure) {
    return figure.data.every(function (t) { return t.y.every(function (v) { return v === null; }); });
  }
  window.Muster.chartScale = { extent: extent, near: near, lines: lines, nameOf: nameOf, isEmpty: isEmpty };
})();
