// Throws away an answer that is older than what a form holds by now: it would undo the reader's next choice.
//   <form data-latest hx-get="…" hx-sync="this:queue last">
(function () {
  'use strict';
  var changes = new WeakMap(), asked = new WeakMap();
  function count(form) { return changes.get(form) || 0; }
  function formOf(event) { return event.target.closest && event.target.closest('form[data-latest]'); }
  ['input', 'change'].forEach(function (kind) {
    document.addEventListener(kind, function (event) {
      var form = formOf(event);
      if (form) changes.set(form, count(form) + 1);
    }, true);
  });
  document.addEventListener('htmx:beforeSend', function (event) {
    var form = event.detail.elt.closest('form[data-latest]');
    if (form) asked.set(event.detail.xhr, { form: form, count: count(form) });
  });
  document.addEventListener('htmx:beforeSwap', function (event) {
    var known = asked.get(event.detail.xhr);
    if (known && known.count !== count(known.form)) event.detail.shouldSwap = false;
  });
})();
