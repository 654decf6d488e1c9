// Fetches [data-follow] charts anew when something is said on their topic, at most every 2 s; those grow by rounds,
// not by readings.
(function () {
  'use strict';
  var LEAST_MS = 2000, due = new Map();
  document.addEventListener('live:message', function (event) {
    window.Muster.chartPanel.panels().forEach(function (plot) {
      if (plot.dataset.follow !== event.detail.topic || due.has(plot)) return;
      due.set(plot, setTimeout(function () { due.delete(plot); window.Muster.chartPanel.load(plot); }, LEAST_MS));
    });
  });
  document.addEventListener('live:gap', function (event) {
    window.Muster.chartPanel.panels().forEach(function (plot) {
      if (plot.dataset.follow && plot.dataset.follow === event.detail.topic) window.Muster.chartPanel.load(plot);
    });
  });
})();
