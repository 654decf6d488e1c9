// One socket per tab. Subscribes to the [data-topic] elements of the page, and tells the page by events:
//   live:message {topic, data}   live:gap {topic | null}   live:state {state, retryIn}
// A gap in `seq` or another epoch means that something was missed: whoever shows the topic fetches it anew.
(function () {
  'use strict';
  var SILENCE_MS = 10000, HIDDEN_MS = 60000, POLL_MS = 10000, MAX_DELAY_S = 30, BLOCKED_AFTER = 3, SIGNED_OUT = 4401;
  var path = document.body.dataset.live, socket = null, subscribed = new Map(), wanted = new Set(), confirmed = new Set();
  var leaving = false, attempts = 0, opened = false, retry = null, heard = 0, hiddenAt = 0, state = 'connecting';

  function tell(name, detail) { document.dispatchEvent(new CustomEvent(name, { detail: detail })); }
  function become(next, detail) { state = next; tell('live:state', Object.assign({ state: next, heard: heard }, detail)); }
  function send(message) { if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message)); }

  function sync() {
    wanted = new Set(Array.from(document.querySelectorAll('[data-topic]')).flatMap(function (e) { return e.dataset.topic.split(' '); }).filter(Boolean));
    var come = Array.from(wanted).filter(function (t) { return !subscribed.has(t); });
    var go = Array.from(subscribed.keys()).filter(function (t) { return !wanted.has(t); });
    if (!socket || socket.readyState !== WebSocket.OPEN) return;
    if (come.length) send({ subscribe: come });
    if (go.length) send({ unsubscribe: go });
    come.forEach(function (t) { subscribed.set(t, {}); });
    go.forEach(function (t) { subscribed.delete(t); });
  }

  function receive(message) {
    heard = Date.now();
    if (state !== 'live') become('live');
    if (message.subscribed) message.subscribed.forEach(function (topic) { confirmed.add(topic); });
    var known = subscribed.get(message.topic);
    if (!known || message.error) return;
    var epoch = message.data && message.data.epoch;
    var missed = known.seq !== undefined && (message.seq !== known.seq + 1 || epoch !== known.epoch);
    known.seq = message.seq;
    known.epoch = epoch;
    if (missed) tell('live:gap', { topic: message.topic });
    tell('live:message', { topic: message.topic, data: message.data, at: message.at });
  }

  function connect() {
    clearTimeout(retry);
    retry = null;
    var mine = socket = new WebSocket(path);
    mine.onopen = function () {
      if (opened) tell('live:gap', { topic: null }); // back after a loss: everything may have changed
      opened = true;
      attempts = 0;
      heard = Date.now();
      subscribed.clear();
      confirmed.clear();
      sync();
      become('live');
    };
    mine.onmessage = function (event) { receive(JSON.parse(event.data)); };
    mine.onclose = function (event) {
      // The session ended: the server shows the sign-in page, unless the person is on the way there already.
      if (event.code === SIGNED_OUT) { if (!leaving) location.reload(); }
      else if (mine === socket) again();
    };
  }

  // 1, 2, 4 … 30 s with full jitter on top of the half, so that a restarted server is not met by all tabs at once.
  function again() {
    if (retry) return;
    var delay = Math.min(MAX_DELAY_S, Math.pow(2, attempts)) * (0.5 + Math.random() / 2);
    attempts += 1;
    retry = setTimeout(connect, delay * 1000);
    become(!opened && attempts >= BLOCKED_AFTER ? 'polling' : opened ? 'lost' : 'connecting', { retryIn: Math.ceil(delay) });
  }

  function lose() { var silent = socket; socket = null; silent.close(); again(); }
  function isSubscribed(topic) { return confirmed.has(topic); }

  setInterval(function () {
    if (state === 'live' && Date.now() - heard > SILENCE_MS) lose();
  }, 1000);
  setInterval(function () { if (state === 'polling') tell('live:gap', { topic: null }); }, POLL_MS);
  document.addEventListener('visibilitychange', function () {
    if (document.hidden) { hiddenAt = Date.now(); return; }
    if (Date.now() - hiddenAt > HIDDEN_MS) tell('live:gap', { topic: null });
  });
  addEventListener('beforeunload', function () { leaving = true; });
  document.addEventListener('htmx:afterSettle', sync);
  document.addEventListener('click', function (event) { if (event.target.closest('[data-reconnect]')) connect(); });
  window.Muster.live = { sync: sync, lose: lose, isSubscribed: isSubscribed };
  // Only once every deferred script listens: a socket that opens between two of them would not be heard of.
  document.addEventListener('DOMContentLoaded', connect);
})();
