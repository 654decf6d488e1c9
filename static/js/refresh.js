// Fetches a panel again as HTML and morphs it in place, at most every 2 s.
//   <section id="wall" data-refresh data-refresh-on="site." data-refresh-every="10">
// `on`: prefix of the live topics that make it stale; `every`: also so many seconds after the last fetch.
// The page's own address answers with the one panel named in HX-Target. Nothing moves under the pointer or the
// reader's focus, nor behind an open dialog: a held panel waits until all have left.
(function () {
  'use strict';
  var LEAST_MS = 2000, known = new WeakMap();
  function panels() { return document.querySelectorAll('[data-refresh]'); }
  function of(panel) {
    if (!known.has(panel)) known.set(panel, { stale: false, at: performance.now(), busy: false });
    return known.get(panel);
  }
  function held(panel) {
    return panel.matches(':hover') && 'refreshHold' in panel.dataset || panel.contains(document.activeElement) || document.querySelector('dialog[open]');
  }
  function fetchPanel(panel, entry) {
    entry.busy = true;
    entry.stale = false;
    window.htmx.ajax('GET', panel.dataset.refresh || location.href, { source: panel, target: panel, swap: 'morph:outerHTML' })
      .finally(function () { entry.busy = false; entry.at = performance.now(); });
  }
  document.addEventListener('live:message', function (event) {
    panels().forEach(function (panel) {
      var prefix = panel.dataset.refreshOn, changed = event.detail.data && event.detail.data.changed;
      if (prefix && event.detail.topic.startsWith(prefix) && (!changed || changed.length)) of(panel).stale = true;
    });
  });
  document.addEventListener('live:gap', function () { panels().forEach(function (panel) { of(panel).stale = true; }); });
  setInterval(function () {
    if (document.hidden) return;
    panels().forEach(function (panel) {
      var entry = of(panel), idle = performance.now() - entry.at, every = parseFloat(panel.dataset.refreshEvery) * 1000;
      if (every && idle >= every) entry.stale = true;
      if (entry.stale && !entry.busy && idle >= LEAST_MS && !held(panel)) fetchPanel(panel, entry);
    });
  }, 250);
})();
