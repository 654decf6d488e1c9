// Muster.announce(n): says politely that n nodes changed, at most once in 5 s, merged into one sentence.
(function () {
  'use strict';
  var PERIOD_MS = 5000, waiting = 0, timer = null, last = -PERIOD_MS;
  function say() {
    timer = null;
    last = performance.now();
    document.getElementById('announce').textContent = window.Muster.count('announce', waiting);
    waiting = 0;
  }
  window.Muster.announce = function (n) {
    waiting += n;
    if (waiting && !timer) timer = setTimeout(say, Math.max(0, last + PERIOD_MS - performance.now()));
  };
})();
