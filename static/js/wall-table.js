// Shows the fleet wall as a table, and back.
(function () {
  'use strict';
  document.addEventListener('click', function (event) {
    var button = event.target.closest('[data-wall-table]');
    if (!button) return;
    button.setAttribute('aria-pressed', button.getAttribute('aria-pressed') !== 'true');
    button.closest('section').querySelectorAll('[data-wall-view]').forEach(function (view) { view.hidden = !view.hidden; });
    document.dispatchEvent(new Event('htmx:afterSettle'));
  });
})();
