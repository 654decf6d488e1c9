// Shows the fleet wall as a table, and back; the choice outlives a refresh of the panel.
(function () {
  'use strict';
  var asTable = false;
  function show() {
    var button = document.querySelector('[data-wall-table]');
    if (!button) return;
    button.setAttribute('aria-pressed', asTable);
    button.closest('section').querySelectorAll('[data-wall-view]').forEach(function (view) { view.hidden = (view.dataset.wallView === 'table') !== asTable; });
  }
  document.addEventListener('click', function (event) {
    if (!event.target.closest('[data-wall-table]')) return;
    asTable = !asTable;
    show();
    if (!asTable) document.dispatchEvent(new Event('themechange')); // the canvases had no size while hidden
  });
  document.addEventListener('htmx:afterSettle', function () { if (asTable) show(); });
})();
