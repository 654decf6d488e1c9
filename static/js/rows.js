// Keeps the rows on screen true without moving them: their HTML is fetched by id every 2 s while something changed,
// and morphed row by row. When states changed the order may no longer be the sorted one; the reader is told, and
// decides when to sort again.
(function () {
  'use strict';
  var LEAST_MS = 2000, POLL_MS = 3000, busy = false, at = performance.now(), stale = false;
  function body() { return document.querySelector('[data-rows][data-rows-url]'); }
  function rows(tbody) { return Array.from(tbody.querySelectorAll('tr[data-id]')); }
  function told(tbody) {
    var changed = rows(tbody).filter(function (row) { return row.dataset.status !== row.dataset.was; }).length;
    var link = document.querySelector('[data-order-changed]');
    if (!link) return;
    link.hidden = !changed;
    if (changed) link.textContent = window.Muster.count('order', changed);
  }
  function patch(tbody, html) {
    var holder = document.createElement('template'), changes = 0;
    holder.innerHTML = html;
    rows(tbody).forEach(function (row) {
      var fresh = holder.content.querySelector('tr[data-id="' + row.dataset.id + '"]'), box = row.querySelector('input[type=checkbox]');
      if (!fresh) return;
      if (fresh.dataset.status !== row.dataset.status) changes += 1;
      fresh.dataset.was = row.dataset.was;
      if ('current' in row.dataset) fresh.dataset.current = '';
      if (box && box.checked) fresh.querySelector('input[type=checkbox]').setAttribute('checked', '');
      window.Idiomorph.morph(row, fresh, { ignoreActiveValue: true });
    });
    window.Muster.announce(changes);
    told(tbody);
  }
  function refresh(tbody) {
    var ids = rows(tbody).map(function (row) { return row.dataset.id; });
    if (!ids.length) return;
    busy = true;
    stale = false;
    fetch(tbody.dataset.rowsUrl + '?ids=' + ids.join(','), { headers: { 'HX-Request': 'true' } })
      .then(function (answer) { if (!answer.ok) throw new Error(answer.status); return answer.text(); })
      .then(function (html) { patch(tbody, html); })
      .catch(function () { stale = true; }) // the next turn tries again; the connection banner tells the reader
      .finally(function () { busy = false; at = performance.now(); });
  }
  document.addEventListener('live:message', function (event) { if (event.detail.topic !== 'heartbeat') stale = true; });
  document.addEventListener('live:gap', function () { stale = true; });
  setInterval(function () {
    var tbody = body(), idle = performance.now() - at;
    if (tbody && !busy && !document.hidden && (stale && idle >= LEAST_MS || idle >= POLL_MS)) refresh(tbody);
  }, 250);
})();
