// The table twin of a chart: about ten rows, newest first, in place of the plot.
(function () {
  'use strict';
  function cell(tag, text, attributes) {
    var element = document.createElement(tag);
    Object.keys(attributes || {}).forEach(function (name) { element.setAttribute(name, attributes[name]); });
    element.textContent = text;
    return element;
  }
  // A moment by its clock; a round by its number.
  function when(x) { return typeof x === 'number' ? String(x) : x.slice(11, 19); }
  function row(cells) { var tr = document.createElement('tr'); tr.append.apply(tr, cells); return tr; }
  // What a line showed at a moment: lines of one chart need not have their points at the same times.
  function shown(trace, time, layout) {
    var index = trace.x.length - 1;
    while (index >= 0 && trace.x[index] > time) index--;
    var value = trace.y[index], axis = layout[trace.yaxis === 'y2' ? 'yaxis2' : 'yaxis'] || {};
    if (value === null || value === undefined) return window.Muster.text('noData');
    return value.toFixed(Math.abs(value) < 1 ? 2 : 1) + (axis.ticksuffix || '');
  }
  window.Muster.chartTable = function (figure, label) {
    var table = document.createElement('table'), head = document.createElement('thead'), body = document.createElement('tbody');
    var times = figure.data.length ? figure.data[0].x : [], step = Math.max(1, Math.floor(times.length / 10));
    table.className = 'table';
    head.append(row([cell('th', (figure.layout.meta || {}).step || window.Muster.text('time'), { scope: 'col' })].concat(figure.data.map(function (t) { return cell('th', t.name, { scope: 'col', class: 'n' }); }))));
    for (var i = times.length - 1; i >= 0; i -= step) {
      body.append(row([cell('th', when(times[i]), { scope: 'row' })].concat(figure.data.map(function (t) { return cell('td', shown(t, times[i], figure.layout), { class: 'n' }); }))));
    }
    table.append(head, body);
    var box = cell('div', '', { class: 'as-table', tabindex: '0', role: 'region', 'aria-label': label });
    box.append(table);
    return box;
  };
})();
