// Single keys: / filter, j k rows, Enter open, x select, f freeze, ? this list, g + key to a page.
// Off where the person turned them off, while typing, and while a dialog is open.
(function () {
  'use strict';
  if (!('shortcuts' in document.body.dataset)) return;
  var GO_MS = 1500, going = 0;

  function typing(target) { return target.closest('input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]'); }
  function rows() { return Array.from(document.querySelectorAll('[data-rows] > tr')); }
  function current() { return document.querySelector('[data-rows] > tr[data-current]'); }
  function move(by) {
    var all = rows(), at = all.indexOf(current()), row = all[Math.min(all.length - 1, Math.max(0, at + by))];
    if (!row) return;
    all.forEach(function (r) { r.removeAttribute('data-current'); });
    row.setAttribute('data-current', '');
    var link = row.querySelector('th a, td a');
    (link || row).focus({ preventScroll: true });
    row.scrollIntoView({ block: 'nearest' });
  }
  function press(selector) { var element = document.querySelector(selector); if (element) element.click(); }
  var keys = {
    '/': function () { var field = document.querySelector('[data-filter-input]'); if (field) { field.focus(); field.select(); } },
    j: function () { move(1); },
    k: function () { move(-1); },
    x: function () { var row = current(), box = row && row.querySelector('input[type=checkbox]'); if (box) box.click(); },
    f: function () { press('[data-freeze]'); },
    '?': function () { document.getElementById('keyboard').showModal(); },
    g: function () { going = performance.now(); }
  };
  document.addEventListener('keydown', function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector('dialog[open]')) return;
    if (performance.now() - going < GO_MS && going) {
      going = 0;
      var place = document.querySelector('.side a[data-key="' + CSS.escape(event.key) + '"]');
      if (place) { event.preventDefault(); location.href = place.href; return; }
    }
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });
})();
