// Below 900 px the sidebar is a dialog with the same content.
(function () {
  'use strict';
  var dialog = document.getElementById('nav-dialog');
  document.addEventListener('click', function (event) {
    if (!event.target.closest('[data-nav-open]')) return;
    dialog.replaceChildren.apply(dialog, Array.from(document.getElementById('side').children).map(function (node) { return node.cloneNode(true); }));
    dialog.showModal();
  });
  matchMedia('(min-width: 901px)').addEventListener('change', function (event) { if (event.matches) dialog.close(); });
})();
