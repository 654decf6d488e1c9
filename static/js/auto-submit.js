// Sends a form as soon as one of its choices changes; without scripts it has a button.
document.addEventListener('change', function (event) {
  'use strict';
  var form = event.target.closest('form[data-auto-submit]');
  if (form) form.requestSubmit();
});
