// The buttons of charts: time range (kept in the address), freeze, and the table twin.
(function () {
  'use strict';
  var charts = window.Muster.charts, panel = window.Muster.chartPanel, text = window.Muster.text;
  document.addEventListener('click', function (event) {
    var range = event.target.closest('[data-set-range]'), freeze = event.target.closest('[data-freeze]'), twin = event.target.closest('[data-table-for]');
    if (range) setRange(range);
    if (freeze) setFrozen(freeze, freeze.getAttribute('aria-pressed') !== 'true');
    if (twin) toggleTable(twin);
  });
  function setRange(button) {
    button.closest('.seg').querySelectorAll('button').forEach(function (b) { b.setAttribute('aria-pressed', b === button); });
    var url = new URL(location.href);
    url.searchParams.set('range', button.dataset.setRange);
    history.replaceState(history.state, '', url);
    document.querySelectorAll('input[type=hidden][name=range]').forEach(function (field) { field.value = button.dataset.setRange; });
    panel.panels().forEach(function (plot) { plot.dataset.range = button.dataset.setRange; panel.load(plot); });
  }
  function setFrozen(button, on) {
    button.setAttribute('aria-pressed', on);
    button.querySelector('[data-label]').textContent = text(on ? 'resume' : 'freeze');
    charts.freeze(on);
  }
  function toggleTable(button) {
    var plot = document.getElementById(button.dataset.tableFor), chart = charts.all.get(plot), on = button.getAttribute('aria-pressed') !== 'true';
    if (!chart) return;
    button.setAttribute('aria-pressed', on);
    plot.hidden = on;
    if (on) plot.after(window.Muster.chartTable(chart.figure, button.getAttribute('aria-label')));
    else { plot.nextElementSibling.remove(); charts.draw(chart); }
  }
})();
