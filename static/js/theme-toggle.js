// Switches between light and dark, and keeps the choice for the person (or, before sign-in, the browser).
(function () {
  'use strict';
  function isDark() {
    var own = document.documentElement.dataset.theme;
    return own ? own === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  }
  document.addEventListener('click', function (event) {
    if (!event.target.closest('[data-theme-toggle]')) return;
    var theme = isDark() ? 'light' : 'dark', url = document.body.dataset.themeUrl;
    document.documentElement.dataset.theme = theme;
    localStorage.setItem('theme', theme);
    document.dispatchEvent(new Event('themechange'));
    if (url) window.htmx.ajax('POST', url, { values: { theme: theme }, swap: 'none' });
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', function () {
    document.dispatchEvent(new Event('themechange'));
  });
})();
