// Says how old the page is: the indicator in the top bar, the banner when the connection is lost, stale marks.
(function () {
  'use strict';
  var status = document.querySelector('[data-live-status]'), banner = document.getElementById('connection');
  var now = { state: 'connecting', heard: 0 }, retryAt = 0, shown = '';
  var text = window.Muster.text;

  function draw() {
    var words = text('connecting');
    if (now.state === 'live') words = text('live', { n: Math.max(0, Math.round((Date.now() - now.heard) / 1000)) });
    if (now.state === 'polling') words = text('polling');
    if (now.state === 'lost') words = text('lost', { time: window.Muster.clock(new Date(now.heard)) });
    if (words !== shown) status.textContent = shown = words;
    banner.querySelector('[data-connection-retry]').textContent =
      text('connectionRetry', { n: Math.max(0, Math.ceil((retryAt - Date.now()) / 1000)) });
  }
  document.addEventListener('live:state', function (event) {
    var lost = event.detail.state === 'lost', wasLost = now.state === 'lost';
    now = event.detail;
    retryAt = Date.now() + (now.retryIn || 0) * 1000;
    status.dataset.state = lost ? 'stale' : now.state;
    document.getElementById('main').classList.toggle('is-stale', lost);
    banner.hidden = !lost;
    if (lost) banner.querySelector('[data-connection-title]').textContent = text('connectionLost', { time: window.Muster.clock(new Date(now.heard)) });
    if (wasLost && now.state === 'live') document.getElementById('announce').textContent = text('reconnected');
    draw();
  });
  document.addEventListener('live:message', function () { now.heard = Date.now(); });
  setInterval(draw, 1000);
})();
