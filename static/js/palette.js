// Ctrl K: search nodes and sites, jump to a page, run an action. The server answers with the list of options.
(function () {
  'use strict';
  var dialog = document.getElementById('palette'), input = dialog.querySelector('input');
  var results = document.getElementById('palette-results'), timer = null, asked = 0;

  function options() { return Array.from(results.querySelectorAll('[role=option]')); }
  function choose(option) {
    options().forEach(function (o) { o.setAttribute('aria-selected', o === option); });
    if (!option) { input.removeAttribute('aria-activedescendant'); return; }
    input.setAttribute('aria-activedescendant', option.id);
    option.scrollIntoView({ block: 'nearest' });
  }
  function step(by) {
    var all = options(), at = all.findIndex(function (o) { return o.getAttribute('aria-selected') === 'true'; });
    if (all.length) choose(all[(at + by + all.length) % all.length]);
  }
  function search() {
    var mine = ++asked;
    fetch(document.body.dataset.search + '?q=' + encodeURIComponent(input.value.trim()), { headers: { 'HX-Request': 'true' } })
      .then(function (answer) { if (!answer.ok) throw new Error(answer.status); return answer.text(); })
      .catch(function () { return null; })
      .then(function (html) {
        if (mine !== asked) return; // a later question is on its way
        if (html === null) results.textContent = window.Muster.text('searchFailed');
        else results.innerHTML = html;
        choose(options()[0]);
      });
  }
  function open() { input.value = ''; dialog.showModal(); search(); }
  function follow(option) { if (option) location.href = option.dataset.href; }

  input.addEventListener('input', function () { clearTimeout(timer); timer = setTimeout(search, 120); });
  dialog.addEventListener('keydown', function (event) {
    if (event.key === 'ArrowDown') step(1);
    else if (event.key === 'ArrowUp') step(-1);
    else if (event.key === 'Enter') follow(results.querySelector('[aria-selected=true]'));
    else return;
    event.preventDefault();
  });
  results.addEventListener('click', function (event) { follow(event.target.closest('[role=option]')); });
  document.addEventListener('click', function (event) { if (event.target.closest('[data-palette-open]')) open(); });
  document.addEventListener('keydown', function (event) {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') { event.preventDefault(); if (!dialog.open) open(); }
  });
})();
