// Runs before first paint, so that the theme never flashes. A signed-in person's own theme is already in the
// document (data-own); before sign-in the browser's last choice holds.
(function () {
  'use strict';
  if ('own' in document.currentScript.dataset) return;
  var chosen = localStorage.getItem('theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
})();
