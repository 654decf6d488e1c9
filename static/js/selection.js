// Counts the ticked rows of a form, shows its bar of actions, and asks for the count in words above a limit.
(function () {
  'use strict';
  function boxes(form) { return Array.from(form.querySelectorAll('tbody input[type=checkbox]')); }
  function update(form) {
    var n = boxes(form).filter(function (box) { return box.checked; }).length, limit = parseInt(form.dataset.typedAbove, 10);
    form.querySelectorAll('[data-selected-count]').forEach(function (e) { e.textContent = n; });
    form.querySelectorAll('[data-needs-selection]').forEach(function (e) { e.disabled = !n; });
    var typed = form.querySelector('[data-typed-count]');
    typed.hidden = n <= limit;
    typed.querySelector('input').required = n > limit;
  }
  document.addEventListener('change', function (event) {
    var form = event.target.closest('form[data-selection]');
    if (!form) return;
    if (event.target.matches('[data-select-all]')) boxes(form).forEach(function (box) { box.checked = event.target.checked; });
    update(form);
  });
  function all() { document.querySelectorAll('form[data-selection]').forEach(update); }
  document.addEventListener('htmx:afterSettle', all);
  all();
})();
